"""What package managers are asked, and what their answers mean, with stand-ins for the programs."""

from __future__ import annotations

import os
from typing import Optional

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.commands import Answer
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.packages import locks
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.packages.errors import Locked, PackageError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit import bundled_folder, package_manager

FRONTEND = """\
E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 812 (unattended-upgr)
E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), is another process using it?
"""
LISTS = "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 812 (apt-get)\n"
DPKG = "dpkg: error: dpkg frontend lock was locked by another process with pid 812\n"


class Programs:
    """Programs that give these answers, one after another."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.asked: list[list[str]] = []
        self.given = ""

    def path(self, program: str) -> Optional[str]:
        return program

    def run(
        self, arguments: list[str], environment: Optional[dict[str, str]] = None, given: str = "", folder: str = ""
    ) -> Answer:
        self.asked.append(arguments)
        self.given += given
        return self._answers.pop(0) if self._answers else Answer(0, "", "")

    def run_within(self, seconds: float, arguments: list[str]) -> Answer:
        return self.run(arguments)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder for packages that are fetched and kept."""
    monkeypatch.setattr(package_manager, "_FOLDER", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("errors", [FRONTEND, LISTS, DPKG])
def test_locks_of_another_process_are_waited_for(monkeypatch, errors):
    monkeypatch.setattr(locks, "PAUSE_SECONDS", 0)
    programs = Programs(Answer(100, "", errors), Answer(100, "", errors))
    manager = package_manager.of("apt", programs, "")
    locks.when_free(lambda: manager.hold(["nvidia-container-toolkit"], True))
    assert programs.asked == [["dpkg", "--force-confdef", "--force-confold", "--set-selections"]] * 3


def test_another_error_is_not_waited_for():
    programs = Programs(Answer(100, "", "E: Unable to locate package\n"))
    manager = package_manager.of("apt", programs, "")
    with pytest.raises(PackageError, match="E: Unable to locate package"):
        locks.when_free(lambda: manager.install(["nvidia-container-toolkit=9-1"]))
    assert len(programs.asked) == 1


def test_the_process_that_holds_a_lock_is_named():
    answer = Answer(2, "", f"dpkg: error: dpkg frontend lock was locked by another process with pid {os.getpid()}\n")
    manager = package_manager.of("apt", Programs(answer), "")
    with pytest.raises(Locked, match=f"process {os.getpid()} is \\S+"):
        manager.hold(["nvidia-container-toolkit"], True)


def test_apt_reads_this_repository_alone(folder):
    programs = Programs()
    package_manager.of("apt", programs, "/own.sources").download(["nvidia-container-toolkit=1.20.1-1"])
    for arguments, verb in zip(programs.asked, ("update", "download")):
        assert verb in arguments
        assert "--option=Dir::Etc::SourceList=/own.sources" in arguments
        assert "--option=Dir::Etc::SourceParts=/dev/null" in arguments


def test_dnf_keeps_the_packages_of_a_former_bundle(folder, monkeypatch):
    """The repository with the new version does not have them."""
    (folder / "1.20.0").mkdir()
    (folder / "1.20.0" / "nvidia-container-toolkit-1.20.0-1.x86_64.rpm").write_text("former")
    monkeypatch.setattr(bundled_folder, "FOLDER", str(folder))
    programs = Programs()
    manager = package_manager.of("dnf", programs, "")
    manager.keep([{"name": "nvidia-container-toolkit", "version": "1.20.0", "held": False, "state": "installed"}])
    assert programs.asked == []
    assert [path.read_text() for path in folder.glob("gpu_monitoring.*/kept/*.rpm")] == ["former"]


def test_no_package_but_those_of_the_toolkit_is_touched(folder):
    """apt-get install and remove would finish packages of others that were left halfway, such as a driver."""
    programs = Programs()
    manager = package_manager.of("apt", programs, "")
    manager.download(["nvidia-container-toolkit=1.20.1-1"])
    (new,) = folder.glob("*/new")
    (new / "nvidia-container-toolkit_1.20.1-1_amd64.deb").touch()
    manager.install(["nvidia-container-toolkit=1.20.1-1"])
    manager.configure(["nvidia-container-toolkit"])
    manager.remove(["nvidia-container-toolkit"])
    install, configure, remove = programs.asked[2:]
    assert install[0] == configure[0] == remove[0] == "dpkg"
    assert install[-2:] == ["--install", str(new / "nvidia-container-toolkit_1.20.1-1_amd64.deb")]
    assert configure[-2:] == ["--configure", "nvidia-container-toolkit"]
    assert remove[-2:] == ["--remove", "nvidia-container-toolkit"]
    manager.close()
    assert list(folder.iterdir()) == []


def test_what_was_not_there_goes_before_the_kept_packages_come_back(folder, monkeypatch):
    kept = {"name": "nvidia-container-toolkit", "version": "1.9.0", "held": True, "state": "installed"}
    monkeypatch.setattr(
        package_manager, "repack", lambda _commands, name, path: open(f"{path}/{name}.deb", "w").close()
    )
    after = (
        "installed\tnvidia-container-toolkit\t1.20.1-1\tinstall\n"
        "half-configured\tnvidia-container-toolkit-base\t1.20.1-1\tinstall\n"
    )
    programs = Programs(Answer(1, after, ""))
    manager = package_manager.of("apt", programs, "")
    manager.keep([kept])
    manager.put_back([kept])
    _query, remove, install, _hold = programs.asked
    assert remove[-2:] == ["--remove", "nvidia-container-toolkit-base"]
    assert install[-1].endswith("/kept/nvidia-container-toolkit.deb")
    assert programs.given == "nvidia-container-toolkit hold\n"


DPKG_FAILED = """\
(Reading database ... 9064 files and directories currently installed.)
Preparing to unpack nvidia-container-toolkit-base_1.20.1-1_amd64.deb ...
Unpacking nvidia-container-toolkit-base (1.20.1-1) ...
Setting up nvidia-container-toolkit-base (1.20.1-1) ...
"""
DPKG_ERRORS = """\
/usr/bin/nvidia-ctk: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.34' not found (required by /usr/bin/nvidia-ctk)
dpkg: error processing package nvidia-container-toolkit-base (--install):
 installed nvidia-container-toolkit-base package post-installation script subprocess returned error exit status 1
"""


def test_a_dependency_that_is_missing_is_named(folder):
    """The package with the programs is not configured, because of the same reason."""
    errors = (
        "dpkg: dependency problems prevent configuration of libnvidia-container1:\n"
        " libnvidia-container1 depends on libcap2 (>= 1:2.10); however:\n  Package libcap2 is not installed.\n"
        " nvidia-container-toolkit depends on libnvidia-container1; however:\n"
        "  Package libnvidia-container1 is not installed.\n"
    )
    manager = package_manager.of("apt", Programs(Answer(1, "", errors)), "")
    with pytest.raises(PackageError, match="Package libcap2 is not installed.*Install libcap2 with apt-get first."):
        manager.install([])


def test_dpkg_is_quoted_without_its_progress(folder):
    manager = package_manager.of("apt", Programs(Answer(1, DPKG_FAILED, DPKG_ERRORS)), "")
    with pytest.raises(PackageError) as failure:
        manager.install([])
    assert str(failure.value).startswith("/usr/bin/nvidia-ctk: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.34'")
    assert str(failure.value).endswith("post-installation script subprocess returned error exit status 1.")


@pytest.mark.parametrize(("hold", "given"), [(True, "a hold\nb hold\n"), (False, "a install\nb install\n")])
def test_dpkg_holds_packages(hold, given):
    programs = Programs()
    package_manager.of("apt", programs, "").hold(["a", "b"], hold)
    assert programs.given == given


@pytest.mark.parametrize("manager", ["dnf", "dnf5"])
def test_dnf_uses_this_repository_alone(manager):
    programs = Programs()
    package_manager.of(manager, programs, "").install(["nvidia-container-toolkit-1.20.1-1"])
    (arguments,) = programs.asked
    assert {"--disablerepo=*", "--enablerepo=nvidia-container-toolkit-pinned"} <= set(arguments)
    assert ("--allow-downgrade" in arguments) == (manager == "dnf5")


def test_dnf_4_does_not_wait_for_a_lock_by_itself_and_is_asked_again(monkeypatch):
    monkeypatch.setattr(locks, "PAUSE_SECONDS", 0)
    locked = Answer(200, "", "Error: Failed to obtain the transaction lock (logged in as: root).\n")
    programs = Programs(locked, locked)
    manager = package_manager.of("dnf", programs, "")
    locks.when_free(lambda: manager.install(["nvidia-container-toolkit-1.20.1-1"]))
    assert len(programs.asked) == 3
    assert all("--setopt=exit_on_lock=True" in arguments for arguments in programs.asked)


def test_a_lock_is_no_reason_to_continue_without_copies(folder):
    manager = package_manager.of("dnf", Programs(Answer(200, "", "locked\n")), "")
    with pytest.raises(Locked):
        manager.keep([{"name": "nvidia-container-toolkit", "version": "1.20.0", "held": False, "state": "installed"}])


RPM_AFTER = (
    "installed\tnvidia-container-toolkit\t1.20.1-1\tinstall\n"
    "installed\tnvidia-container-toolkit-base\t1.20.1-1\tinstall\n"
)


def test_rpm_puts_back_without_the_packages_of_others_that_need_the_toolkit(folder):
    """`dnf remove` would remove nvidia-docker2 with what it needs."""
    kept = {"name": "nvidia-container-toolkit", "version": "1.9.0", "held": False, "state": "installed"}
    programs = Programs(Answer(0, "", ""), Answer(1, RPM_AFTER, ""))
    manager = package_manager.of("dnf", programs, "")
    manager.keep([kept])
    (copies,) = folder.glob("*/kept")
    (copies / "nvidia-container-toolkit-1.9.0-1.rpm").touch()
    manager.put_back([kept])
    _keep, _query, erase, upgrade = programs.asked
    assert erase == ["rpm", "--erase", "--nodeps", "nvidia-container-toolkit-base"]
    assert upgrade[:2] == ["rpm", "--upgrade"]
    manager.remove(["nvidia-container-toolkit"])
    assert programs.asked[-1] == ["rpm", "--erase", "nvidia-container-toolkit"]


def test_rpm_removes_nothing_where_the_previous_packages_cannot_come_back(folder):
    kept = {"name": "nvidia-container-toolkit", "version": "1.9.0", "held": False, "state": "installed"}
    programs = Programs(
        Answer(1, "", "No package nvidia-container-toolkit-1.9.0-1 available.\n"), Answer(1, RPM_AFTER, "")
    )
    manager = package_manager.of("dnf", programs, "")
    manager.keep([kept])
    with pytest.raises(PackageError, match="no longer has the previous packages"):
        manager.put_back([kept])
    assert not any("--erase" in arguments for arguments in programs.asked)
