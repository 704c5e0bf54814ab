"""How the engine's package is installed on hosts whose package manager is not well, with recorded answers of apt and
dpkg.
"""

from __future__ import annotations

from typing import Optional

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.commands import Answer
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.packages import engine_package, locks
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.packages.errors import Locked, PackageError

OK = Answer(0, "", "")
TOOLKIT_URL = "https://nvidia.github.io/libnvidia-container/stable/deb/amd64"
CONFLICT = Answer(
    100,
    "",
    f"E: Conflicting values set for option Signed-By regarding source {TOOLKIT_URL}/ /: /a.gpg != /b.gpg\n"
    "E: The list of sources could not be read.\n",
)
FOREIGN = Answer(
    100,
    "",
    "E: Conflicting values set for option Signed-By regarding source http://x.example/y/ stable: /a.gpg != /b.gpg\n"
    "E: The list of sources could not be read.\n",
)
UNREAD = Answer(
    100,
    "Get:1 http://deb.debian.org\n",
    "E: The repository 'http://x.example/y Release' does not have a Release file.\n",
)
LOCKED = Answer(100, "", "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 812 (unattended-upgr)\n")
INTERRUPTED = Answer(
    100,
    "",
    "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem.\n",
)
HALFWAY = Answer(0, "bash installed\nnvidia-dkms-580 half-configured\nlibc6 triggers-pending\n", "")


class Programs:
    """apt-get and dpkg-query that give these answers, by the verb that they are asked with, one after another."""

    def __init__(self, **answers: list[Answer]) -> None:
        self._answers = answers
        self.asked: list[list[str]] = []

    def path(self, program: str) -> Optional[str]:
        return program

    def run(
        self, arguments: list[str], environment: Optional[dict[str, str]] = None, given: str = "", folder: str = ""
    ) -> Answer:
        self.asked.append(arguments)
        verb = (
            "audit"
            if arguments[0] == "dpkg-query"
            else next(word for word in arguments[1:] if not word.startswith("-"))
        )
        answers = self._answers.get(verb, [])
        return answers.pop(0) if answers else OK

    def run_within(self, seconds: float, arguments: list[str]) -> Answer:
        return self.run(arguments)


@pytest.fixture(autouse=True)
def sources(tmp_path, monkeypatch):
    """The folder of apt's sources: one file of the distribution, two of the toolkit, two of somebody else."""
    monkeypatch.setattr(engine_package, "APT_FOLDER", str(tmp_path))
    monkeypatch.setattr(locks, "PAUSE_SECONDS", 0)
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (tmp_path / "sources.list").write_text("deb http://deb.debian.org/debian trixie main\n")
    (parts / "nvidia-docker.list").write_text(f"deb [signed-by=/a.gpg] {TOOLKIT_URL} /\n")
    (parts / "guide.list").write_text(f"deb [signed-by=/b.gpg] {TOOLKIT_URL} /\n")
    (parts / "x.list").write_text("# ours\ndeb [signed-by=/a.gpg] http://x.example/y stable main\n")
    (parts / "x.sources").write_text("Types: deb\nURIs: http://x.example/y\nSuites: stable\nComponents: main\n")
    return parts


def asked_for(programs: Programs, verb: str) -> list[str]:
    return next(arguments for arguments in programs.asked if verb in arguments)


def test_the_package_is_installed_from_all_repositories():
    programs = Programs()
    assert engine_package.install(programs, "docker.io") == []
    assert asked_for(programs, "install")[-1] == "docker.io"
    assert "--no-remove" in asked_for(programs, "install")
    assert "--option=APT::Update::Error-Mode=any" in asked_for(programs, "update")
    assert not any("Dir::Etc" in word for word in asked_for(programs, "install"))


def test_entries_of_the_toolkit_that_contradict_each_other_are_left_out_and_named(sources):
    programs = Programs(indextargets=[CONFLICT, OK])
    (warning,) = engine_package.install(programs, "docker.io")
    assert f"only without {sources}/guide.list, {sources}/nvidia-docker.list: E: Conflicting" in warning
    assert "Signed-By" in warning
    for verb in ("update", "install"):
        assert "--option=Dir::Etc::SourceList=/dev/null" in asked_for(programs, verb)


def test_a_page_of_a_web_server_in_place_of_a_list_is_left_out(sources):
    """As a download of nvidia-docker.list for an unknown distribution leaves it."""
    (sources / "page.list").write_text("<!doctype html>\n")
    (sources / "nvidia-docker.list").unlink()
    (sources / "guide.list").unlink()
    problem = f"E: Type '<!doctype' is not known on line 1 in source list {sources}/page.list"
    (warning,) = engine_package.install(Programs(indextargets=[Answer(100, "", problem), OK]), "docker.io")
    assert warning == f"apt reads its repositories only in part: {problem}."


def test_entries_of_others_that_contradict_each_other_are_named_with_their_lines(sources):
    programs = Programs(indextargets=[FOREIGN, FOREIGN])
    with pytest.raises(PackageError) as failure:
        engine_package.install(programs, "docker.io")
    assert f"{sources}/x.list, line 2; {sources}/x.sources, line 2" in str(failure.value)
    assert not any("install" in arguments for arguments in programs.asked)


def test_a_repository_that_does_not_answer_is_a_warning():
    (warning,) = engine_package.install(Programs(update=[UNREAD]), "docker.io")
    assert warning == (
        "apt could not read all repositories: E: The repository 'http://x.example/y Release'"
        " does not have a Release file."
    )


def test_without_any_repository_both_reasons_are_quoted():
    programs = Programs(update=[UNREAD], install=[Answer(100, "", "E: Unable to locate package docker.io\n")])
    with pytest.raises(PackageError, match="Unable to locate package docker.io. Reading the repositories failed too"):
        engine_package.install(programs, "docker.io")


@pytest.mark.parametrize("verb", ["update", "install"])
def test_locks_are_waited_for(verb):
    programs = Programs(**{verb: [LOCKED, LOCKED]})
    assert engine_package.install(programs, "docker.io") == []


def test_a_lock_that_is_not_given_back_is_reported_with_its_holder(monkeypatch):
    monkeypatch.setattr(locks, "WAIT_SECONDS", 0)
    with pytest.raises(Locked, match=r"812 \(unattended-upgr\) The lock was waited for 0 s"):
        engine_package.install(Programs(update=[LOCKED]), "docker.io")


def test_incomplete_packages_of_others_are_not_finished():
    programs = Programs(audit=[HALFWAY])
    with pytest.raises(PackageError, match="nvidia-dkms-580 .half-configured.*dpkg --configure nvidia-dkms-580"):
        engine_package.install(programs, "docker.io")
    assert [arguments[0] for arguments in programs.asked] == ["dpkg-query"]


def test_an_interrupted_dpkg_is_quoted():
    with pytest.raises(PackageError, match="dpkg was interrupted"):
        engine_package.install(Programs(install=[INTERRUPTED]), "docker.io")


def test_packages_that_a_failed_installation_left_incomplete_are_named():
    left = Answer(0, "docker.io half-configured\n", "")
    failed = Answer(100, "", "dpkg: error processing package docker.io (--configure):\n")
    with pytest.raises(
        PackageError, match="error processing package docker.io .--configure.:. dpkg left halfway: docker.io"
    ):
        engine_package.install(Programs(install=[failed], audit=[OK, left]), "docker.io")


def test_credentials_of_a_mirror_are_not_shown():
    failed = Answer(100, "", "E: Failed to fetch https://site:s3cret@mirror.example/docker.deb  404  Not Found\n")
    with pytest.raises(PackageError) as failure:
        engine_package.install(Programs(update=[failed], install=[failed]), "docker.io")
    assert "https://mirror.example/docker.deb" in str(failure.value)
    assert "s3cret" not in str(failure.value)
