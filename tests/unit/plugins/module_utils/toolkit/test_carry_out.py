"""How a plan is carried out, with stand-ins for the host, its package manager and its engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.commands import Answer
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.look import Host
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.packages import TOOLKIT_PACKAGES
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.repositories import Places
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.packages import locks
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.packages.errors import Locked, PackageError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit import carry_out, decide
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit.carry_out import Outcome, Toolkit
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit.errors import Skipped, ToolkitError
from hosts import FINGERPRINT, by_role, container, fresh, installed, wanted

LATE = container("late-job", "hook")


def places_in(folder: Any) -> Places:
    """Where the repository and its key are on a stand."""
    return Places(str(folder / "toolkit.sources"), str(folder / "key.asc"))


class Stand:
    """A host whose looks are given, and what was done on it."""

    def __init__(self, folder: Any, looks: list[Host]) -> None:
        self.places = places_in(folder)
        self.looks = looks
        self.done: list[str] = []
        self.problems: list[str] = []
        self.packages: list[Any] = looks[0]["packages"]["toolkit"]
        self.on_download: Callable[[], None] = lambda: None
        self.on_install: Callable[[], None] = lambda: None
        self.on_put_back: Callable[[Any], None] = lambda _present: None
        self.on_configure: Callable[[], None] = lambda: None
        self.on_add: Callable[[], None] = lambda: None
        self.on_take_out: Callable[[], None] = lambda: None
        self.engine_gone = False
        self.diffs: list[Any] = []

    def look(self, *_arguments: Any) -> Host:
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    # The package manager.
    def sources_problem(self) -> str:
        return self.problems.pop(0) if self.problems else ""

    def download(self, _names: Any) -> None:
        self.done.append("download")
        self.on_download()

    def keep(self, _present: Any) -> None:
        pass

    def install(self, _names: Any) -> None:
        self.done.append("install")
        self.on_install()

    def put_back(self, present: Any) -> None:
        self.done.append("restore")
        self.on_put_back(present)

    def configure(self, names: Any) -> None:
        self.done.append(f"configure {' '.join(names)}")
        self.on_configure()

    def close(self) -> None:
        pass

    # Of packages, or of the engine's runtime.
    def remove(self, *names: Any, engine_gone: bool = False) -> None:
        self.done.append("remove" if names else "take out")
        if not names:
            self.engine_gone = engine_gone
            self.on_take_out()

    def hold(self, _names: Any, hold: bool) -> None:
        self.done.append("hold" if hold else "release")

    def forget(self) -> None:
        self.done.append("forget")

    # The engine.
    def state(self) -> Any:
        return self.looks[0]["engine"]

    def add(self, _program: str) -> None:
        self.done.append("add")
        self.on_add()

    # Programs.
    def run(self, arguments: list[str], _environment: Any = None) -> Answer:
        self.done.append(" ".join(arguments[:2]))
        return Answer(0, "", "")


@pytest.fixture
def stand(tmp_path, monkeypatch):
    """Makes a stand from looks, and brings it to the declared state."""

    def make(*looks: Host) -> Stand:
        made = Stand(tmp_path, list(looks))
        monkeypatch.setattr(carry_out, "look", made.look)
        monkeypatch.setattr(carry_out, "ask_packages", lambda _commands: {"toolkit": made.packages})
        monkeypatch.setattr(carry_out.package_manager, "of", lambda *_arguments: made)
        monkeypatch.setattr(carry_out, "EngineRuntime", lambda *_arguments: made)
        monkeypatch.setattr(carry_out.openpgp_file, "armored", lambda *_arguments: "key\n")
        monkeypatch.setattr(decide, "places", lambda _manager: made.places)
        return made

    return make


def reconcile(stand: Stand, **given: Any) -> Outcome:
    return Toolkit(None, stand, "", wanted(**given)).reconcile()  # type: ignore[arg-type]


def files(stand: Stand, tmp_path: Any) -> list[str]:
    return sorted(path.name for path in tmp_path.iterdir())


def test_packages_come_with_their_repository_and_are_held(stand, tmp_path):
    settled = by_role("1.20.1", places=places_in(tmp_path))
    free = [{**package, "held": False} for package in settled["packages"]["toolkit"]]
    host = stand(fresh(), {**settled, "packages": {**settled["packages"], "toolkit": free}}, settled)
    outcome = reconcile(host, version="1.20.1")
    assert host.done == ["download", "install", "hold"]
    assert outcome.done == ["InstallPackages", "HoldPackages"]
    assert files(host, tmp_path) == ["key.asc", "toolkit.sources"]
    assert (outcome.diffs[1]["after_header"], outcome.diffs[1]["after"]) == (host.places.key, f"{FINGERPRINT}\n")


def test_a_key_file_that_is_damaged_is_written_again_and_no_package_changes(stand, tmp_path):
    settled = by_role("1.20.1", places=places_in(tmp_path))
    key = {**settled["repositories"]["key"], "fingerprint": ""}
    damaged = {**settled, "repositories": {**settled["repositories"], "key": key}}
    (tmp_path / "key.asc").write_text("damaged")
    host = stand(damaged, settled)
    assert reconcile(host, version="1.20.1").done == ["InstallPackages"]
    assert (tmp_path / "key.asc").read_text() == "key\n"
    assert host.done == []


def test_a_key_that_is_refused_leaves_the_former_one(stand, tmp_path, monkeypatch):
    def refuse(*_arguments: Any) -> str:
        raise ValueError("it holds another key.")

    host = stand(by_role("1.20.0"))
    monkeypatch.setattr(carry_out.openpgp_file, "armored", refuse)
    (tmp_path / "key.asc").write_text("former")
    with pytest.raises(ToolkitError, match="nvidia_container_toolkit_key on gpu1: it holds another key. Nothing was"):
        reconcile(host, version="1.20.1")
    assert (tmp_path / "key.asc").read_text() == "former"
    assert (files(host, tmp_path), host.done) == (["key.asc"], [])


def test_a_default_version_is_held_too(stand, tmp_path):
    """A toolkit that works is left alone, holds included, but not the one that was installed a moment ago."""
    settled = by_role("1.20.1", places=places_in(tmp_path))
    free = [{**package, "held": False} for package in settled["packages"]["toolkit"]]
    host = stand(fresh(), {**settled, "packages": {**settled["packages"], "toolkit": free}}, settled)
    assert reconcile(host).done == ["InstallPackages", "HoldPackages"]
    assert host.done == ["download", "install", "hold"]


def test_without_its_packages_nothing_of_the_toolkit_is_configured(stand, tmp_path):
    """The container has ended when the packages were skipped for it."""
    host = stand(fresh())
    host.state = lambda: fresh(containers=[LATE])["engine"]
    outcome = reconcile(host)
    assert host.done == ["download", "forget"]
    assert (outcome.done, outcome.plan.mechanism) == ([], "")
    assert "late-job" in " ".join(outcome.warnings)


def test_a_toolkit_that_works_is_configured_although_its_packages_are_skipped(stand):
    stale: dict[str, Any] = {"cdi": True, "cdi_gpus": False, "cdi_specifications": []}
    host = stand(*[installed("1.20.0", **stale)] * 2, installed("1.20.0", cdi=True))
    host.state = lambda: installed("1.20.0", **stale, containers=[LATE])["engine"]
    outcome = reconcile(host, version="1.20.1")
    assert host.done == ["download", "forget", "systemctl restart"]
    assert (outcome.done, outcome.plan.mechanism) == (["WriteCdi"], "cdi")


@pytest.mark.parametrize("error", [KeyError("Id"), SystemExit(1)])
def test_what_nobody_expects_leaves_the_files_as_they_were_too(stand, tmp_path, error):
    """A module that ends itself while packages are fetched, for example."""
    host = stand(by_role("1.20.0"))

    def end() -> None:
        raise error

    host.on_download = end
    with pytest.raises(type(error)):
        reconcile(host, version="1.20.1")
    assert files(host, tmp_path) == []


def test_a_failed_installation_shows_no_password(stand):
    host = stand(by_role("1.20.0"))

    def fail() -> None:
        raise ToolkitError("E: Failed to fetch http://user:secret@mirror/nvidia/Packages")

    host.on_download = fail
    with pytest.raises(ToolkitError, match="http://mirror/nvidia/Packages") as failure:
        reconcile(host, version="1.20.1", repository_url="http://user:secret@mirror/nvidia")
    assert "secret" not in str(failure.value)


def test_a_dry_run_checks_the_key_that_would_be_written(stand, monkeypatch):
    def refuse(*_arguments: Any) -> str:
        raise ValueError("key: http://mirror/key.asc holds another key.")

    host = stand(fresh())
    monkeypatch.setattr(carry_out.openpgp_file, "armored", refuse)
    with pytest.raises(ToolkitError, match="nvidia_container_toolkit_key on gpu1: .* another key"):
        Toolkit(None, host, "", wanted(check_mode=True)).preview()  # type: ignore[arg-type]


@pytest.mark.parametrize("late", [LATE, container("late-job", runtime="nvidia")], ids=["hook", "runtime"])
def test_a_container_that_starts_before_a_removal_leaves_the_engine_as_it_is(stand, tmp_path, late):
    places = places_in(tmp_path)
    (tmp_path / "toolkit.sources").write_text("repository")
    host = stand(by_role("1.20.1", places=places), by_role("1.20.1", places=places, containers=[late]))
    with pytest.raises(ToolkitError, match="late-job.*Nothing was changed"):
        reconcile(host, state="absent")
    assert host.done == []
    assert files(host, tmp_path) == ["toolkit.sources"]


def test_a_specification_of_the_role_goes_without_the_toolkit_of_the_host(stand, tmp_path, monkeypatch):
    specification = tmp_path / "mlops.gpu_monitoring.yaml"
    specification.touch()
    monkeypatch.setattr(carry_out, "OWN_CDI_FILE", str(specification))
    host = installed("1.20.1", cdi=True)
    before: Any = {**host, "toolkit": {**host["toolkit"], "own_cdi_file": True}}
    outcome = reconcile(stand(before, host), state="absent")
    assert outcome.done == ["RemoveCdi"]
    assert "did not install" in outcome.plan.note
    assert "Only its CDI specification" in outcome.plan.note
    assert not specification.exists()


def test_a_container_that_starts_during_a_removal_keeps_the_packages(stand, tmp_path):
    places = places_in(tmp_path)
    host = stand(by_role("1.20.1", places=places))
    host.on_take_out = lambda: host.looks.__setitem__(0, by_role("1.20.1", places=places, containers=[LATE]))
    with pytest.raises(ToolkitError, match="late-job.*The packages were not removed"):
        reconcile(host, state="absent")
    assert host.done == ["take out"]


def test_a_container_that_starts_while_packages_are_fetched_stops_the_installation(stand, tmp_path):
    host = stand(by_role("1.20.0"))
    host.on_download = lambda: host.looks.__setitem__(0, by_role("1.20.0", containers=[LATE]))
    outcome = reconcile(host, version="1.20.1")
    assert "install" not in host.done
    assert files(host, tmp_path) == []
    assert outcome.done == []
    assert len(outcome.warnings) == 1
    assert "late-job" in outcome.warnings[0]
    assert outcome.plan.mechanism == "runtime"


def test_a_container_that_starts_while_another_process_holds_the_locks_stops_the_installation(stand, monkeypatch):
    monkeypatch.setattr(locks, "PAUSE_SECONDS", 0)
    host = stand(by_role("1.20.0"))

    def locked(_names: Any) -> None:
        host.done.append("locked")
        if host.done.count("locked") == 3:
            host.state = lambda: by_role("1.20.0", containers=[LATE])["engine"]
        raise Locked("E: Could not get lock /var/lib/dpkg/lock-frontend.")

    host.install = locked
    outcome = reconcile(host, version="1.20.1")
    assert host.done == ["download", "locked", "locked", "locked", "forget"]
    assert "late-job" in " ".join(outcome.warnings)


def test_locks_that_are_not_given_back_end_the_run(stand, monkeypatch):
    monkeypatch.setattr(locks, "WAIT_SECONDS", 0)
    monkeypatch.setattr(locks, "PAUSE_SECONDS", 0)
    host = stand(by_role("1.20.0"))

    def locked() -> None:
        raise Locked("E: Could not get lock /var/lib/apt/lists/lock.")

    host.on_download = locked
    with pytest.raises(
        ToolkitError, match="previous repositories and key were restored: E: Could not get lock .* was waited for 0 s"
    ):
        reconcile(host, version="1.20.1")


def test_a_container_that_ended_meanwhile_is_named_all_the_same(stand):
    host = stand(by_role("1.20.0"), by_role("1.20.0", containers=[LATE]), by_role("1.20.0"))
    outcome = reconcile(host, version="1.20.1")
    assert "install" not in host.done
    assert "late-job" in " ".join(outcome.warnings)


def test_an_engine_that_stops_answering_while_packages_are_fetched_ends_the_run(stand, tmp_path):
    silent = by_role("1.20.0")
    silent["engine"].update(reachable=False, error="timed out")
    host = stand(by_role("1.20.0"), silent)
    with pytest.raises(ToolkitError, match="no longer answers.*timed out"):
        reconcile(host, version="1.20.1")
    assert "install" not in host.done
    assert files(host, tmp_path) == []


def test_a_failed_installation_leaves_the_files_as_they_were(stand, tmp_path):
    host = stand(by_role("1.20.0"))

    def fail() -> None:
        raise ToolkitError("E: 404 Not Found")

    host.on_download = fail
    (tmp_path / "key.asc").write_text("former")
    with pytest.raises(ToolkitError, match="previous repositories and key were restored: E: 404 Not Found"):
        reconcile(host, version="1.20.1")
    assert files(host, tmp_path) == ["key.asc"]
    assert (tmp_path / "key.asc").read_text() == "former"


def test_packages_that_do_not_come_although_their_manager_says_so_are_an_error(stand):
    host = stand(by_role("1.20.0"))
    with pytest.raises(ToolkitError, match="not as it should be after the change"):
        reconcile(host, version="1.20.1")


FAILED = "dpkg: error processing package nvidia-container-toolkit-base (--install): exit status 1"


def failing(stand: Stand, after: Any) -> None:
    """Installations fail and leave these packages."""

    def fail() -> None:
        stand.packages = after
        raise PackageError(FAILED)

    stand.on_install = fail


def halfway(host: Host) -> Any:
    return [{**package, "version": "1.20.1", "state": "half-configured"} for package in host["packages"]["toolkit"]]


def test_after_a_failed_upgrade_the_former_packages_are_back_and_its_reason_is_quoted(stand, tmp_path):
    before = by_role("1.20.0")
    host = stand(before)
    failing(host, halfway(before))
    host.on_put_back = lambda present: setattr(host, "packages", present)
    with pytest.raises(ToolkitError, match="exit status 1. The host has the same packages as before: lib.*=1.20.0"):
        reconcile(host, version="1.20.1")
    assert host.done == ["download", "install", "restore", "forget"]
    assert files(host, tmp_path) == []


def test_what_a_failed_installation_left_is_named_where_it_cannot_be_restored(stand):
    before = by_role("1.20.0")
    host = stand(before)
    failing(host, halfway(before))

    def fail(_present: Any) -> None:
        raise PackageError("dpkg: error: no space")

    host.on_put_back = fail
    with pytest.raises(ToolkitError) as failure:
        reconcile(host, version="1.20.1")
    assert "nvidia-container-toolkit-base=1.20.1 (half-configured)" in str(failure.value)
    assert "nvidia-container-toolkit-base=1.20.0" in str(failure.value)
    assert "failed too: dpkg: error: no space." in str(failure.value)


def test_packages_are_not_restored_while_a_container_has_gpus_by_the_hook(stand):
    before = by_role("1.20.0")
    host = stand(before)
    failing(host, halfway(before))
    install = host.on_install

    def start_late() -> None:
        host.looks[0] = by_role("1.20.0", containers=[LATE])
        install()

    host.on_install = start_late
    with pytest.raises(ToolkitError, match="failed too:.*daemon-reload.*late-job.*packages stay as they are"):
        reconcile(host, version="1.20.1")
    assert "restore" not in host.done


def test_packages_that_dpkg_left_incomplete_are_finished_by_name(stand):
    settled = installed("1.20.1")
    before: Any = {**settled, "packages": {**settled["packages"], "toolkit": halfway(settled)}}
    host = stand(before, settled)
    outcome = reconcile(host)
    assert outcome.done == ["ConfigurePackages"]
    assert host.done == [f"configure {' '.join(TOOLKIT_PACKAGES)}"]


def test_what_dpkg_cannot_finish_ends_the_run_in_its_words(stand):
    settled = installed("1.20.1")
    host = stand({**settled, "packages": {**settled["packages"], "toolkit": halfway(settled)}})

    def fail() -> None:
        raise PackageError(FAILED)

    host.on_configure = fail
    with pytest.raises(ToolkitError, match="halfway, and cannot finish the installation: dpkg: error.*--remove"):
        reconcile(host)


CONFLICT = "E: Conflicting values set for option Signed-By regarding source http://u:secret@x.example/ stable"


def test_entries_of_others_that_apt_cannot_read_are_named_and_do_not_matter(stand, tmp_path, monkeypatch):
    entry = {"path": "/etc/apt/sources.list.d/x.list", "line": 3, "uri": "http://x.example"}
    monkeypatch.setattr(carry_out, "apt_entries", lambda _folder: [entry])
    settled = by_role("1.20.1", places=places_in(tmp_path))
    host = stand(fresh(), settled)
    host.problems = [CONFLICT, CONFLICT]
    outcome = reconcile(host, version="1.20.1")
    assert "install" in host.done
    assert "/etc/apt/sources.list.d/x.list, line 3" in " ".join(outcome.warnings)
    assert "secret" not in " ".join(outcome.warnings)


def test_a_repository_with_which_apt_reads_no_other_is_refused(stand, tmp_path):
    host = stand(fresh())
    host.problems = ["", CONFLICT]
    with pytest.raises(
        ToolkitError, match="previous repositories and key were restored: apt would not read.*http://x.example/ stable"
    ):
        reconcile(host, version="1.20.1")
    assert (host.done, files(host, tmp_path)) == (["forget"], [])


def test_without_an_engine_the_toolkit_is_removed_and_no_engine_is_reported(stand, tmp_path):
    gone = by_role("1.20.1", places=places_in(tmp_path))
    gone["engine"].update(reachable=False, installed=False, error="no such file")
    host = stand(gone, fresh())
    assert reconcile(host, state="absent").done == ["RemoveToolkit"]
    assert host.engine_gone
    assert host.done == ["take out", "remove", "forget"]


def test_packages_that_cannot_be_removed_are_named(stand, tmp_path):
    host = stand(by_role("1.20.1", places=places_in(tmp_path)))
    remove = host.remove

    def fail(*names: Any, **options: Any) -> None:
        remove(*names, **options)
        if names:
            raise PackageError("dpkg: dependency problems: nvidia-docker2 depends on nvidia-container-toolkit")

    host.remove = fail
    with pytest.raises(ToolkitError, match="cannot be removed: .*nvidia-docker2.*The host has lib"):
        reconcile(host, state="absent")


def test_a_restart_that_would_stop_containers_is_skipped_and_leaves_no_mechanism(stand):
    missing = installed("1.20.1", runtimes={}, nvidia_runtimes=[])
    missing["toolkit"]["daemon_runtime"] = ""
    host = stand(missing)

    def skip() -> None:
        raise Skipped("a restart would stop the running containers job")

    host.on_add = skip
    outcome = reconcile(host)
    assert outcome.warnings == ["a restart would stop the running containers job"]
    assert (outcome.done, outcome.plan.mechanism) == ([], "")


def test_a_specification_that_is_not_current_after_it_was_written_is_named(stand):
    host = stand(installed("1.20.1", cdi=True, cdi_gpus=False, cdi_specifications=[]))
    with pytest.raises(
        ToolkitError, match="The toolkit has just written a CDI specification, but .* no file gives a GPU"
    ):
        reconcile(host)
    assert host.done == ["systemctl restart"]


def test_a_host_that_is_as_wanted_is_left_alone(stand, tmp_path):
    host = stand(by_role("1.20.1", places=places_in(tmp_path)))
    assert reconcile(host, version="1.20.1").done == host.done == []


def test_a_refusal_ends_the_run_before_anything_is_done(stand):
    host = stand(fresh(root_dir="/var/snap/docker"))
    with pytest.raises(ToolkitError, match="from a snap"):
        reconcile(host)
    assert host.done == []
