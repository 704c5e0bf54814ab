"""Other data for a service, with an engine in memory and real files; the process is killed at every step."""

from __future__ import annotations

import os

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import apply, deployment, replaced_data, spec
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.options import parse
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.replaced_data import Replacement
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.shared import SharedAnswers
from fake_engine import Killed


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(replaced_data, "STEADY_SECONDS", 0)
    monkeypatch.setattr(replaced_data, "POLL_SECONDS", 0)


@pytest.fixture
def data(tmp_path):
    """A volume with present data and, beside it, that of a backup."""
    for name, content in {"db": "present", "plugins": "present", "new/db": "restored", "kept": None}.items():
        path = tmp_path / "volume" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir() if content is None else path.write_text(content)
    return tmp_path / "volume"


@pytest.fixture
def replacement(data, engine):
    engine.containers["c1"] = {
        "Id": "c1",
        "Name": "/app",
        "Config": {"Cmd": [], "Labels": {spec.OWNER_LABEL: "app"}},
        "State": {"Running": True, "Paused": False, "Restarting": False, "ExitCode": 0, "Status": "running"},
        "RestartCount": 0,
    }
    return Replacement("app", "app", True, new=paths(data, ("new/db", "db")))


def paths(folder, *moves):
    return [[str(folder / path), str(folder / moved)] for path, moved in moves]


@pytest.fixture
def present(data):
    """The renames of the previous data."""
    return lambda: paths(
        data, *((name, f"kept/{name}") for name in ("db", "db-wal", "plugins") if (data / name).exists())
    )


def contents(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


BEFORE = {"db": "present", "plugins": "present", "new/db": "restored"}
AFTER = {"db": "restored", "kept/db": "present", "kept/plugins": "present"}


def test_the_container_runs_on_the_new_data_and_the_previous_data_stays(engine, replacement, present, data):
    replaced_data.carry_out(engine, replacement, present)
    assert contents(data) == AFTER
    assert engine.calls == [("stop", "app"), ("start", "app")]
    assert engine.container("app")["State"]["Running"]
    assert not replaced_data.pending("app")


def test_a_container_that_ends_on_the_new_data_gets_the_previous_data_back(
    engine, replacement, present, data, monkeypatch
):
    start = engine.start

    def start_on_good_data(name):
        start(name)
        runs = (data / "db").read_text() == "present"
        engine.containers["c1"]["State"]["Running"] = runs
        if not runs:
            # The program makes a folder on the new data that the previous data has too.
            (data / "plugins").mkdir()
            (data / "plugins" / "made").write_text("later")

    monkeypatch.setattr(engine, "start", start_on_good_data)
    with pytest.raises(
        ServiceError,
        match=r"app does not run on the new data: it ended with exit code 0. The previous data was restored",
    ):
        replaced_data.carry_out(engine, replacement, present)
    assert contents(data) == BEFORE
    assert engine.container("app")["State"]["Running"]
    assert not replaced_data.pending("app")


@pytest.mark.parametrize("step", range(5))
def test_a_killed_replacement_is_taken_back_by_the_next_run(engine, replacement, present, data, monkeypatch, step):
    """The steps are the stop, three renames, and the start."""
    left = iter(range(step))
    killed = []

    def until_killed(function):
        def call(*arguments):
            if not killed and next(left, None) is None:
                killed.append(function)
                raise Killed
            return function(*arguments)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(engine, "stop", until_killed(engine.stop))
        patch.setattr(engine, "start", until_killed(engine.start))
        patch.setattr(replaced_data, "_rename", until_killed(os.rename))
        # A process that is killed takes nothing back.
        patch.setattr(replaced_data, "take_back", lambda *_arguments: None)
        with pytest.raises(Killed):
            replaced_data.carry_out(engine, replacement, present)
    assert replaced_data.pending("app")
    assert replaced_data.recover(engine, "app")
    assert contents(data) == BEFORE
    assert engine.container("app")["State"]["Running"]
    assert not replaced_data.pending("app")
    assert not replaced_data.recover(engine, "app")


@pytest.fixture
def killed_after_the_start(engine, replacement, present, data):
    """Users have changed the new data since."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(replaced_data, "_wait_until_steady", raise_killed)
        patch.setattr(replaced_data, "take_back", lambda *_arguments: None)
        replaced_data.carry_out(engine, replacement, present)
    (data / "db").write_text("changed by users")
    engine.calls.clear()


def raise_killed(*_arguments):
    raise Killed


@pytest.mark.usefixtures("killed_after_the_start")
def test_new_data_on_which_the_container_runs_stays(engine, data):
    assert replaced_data.recover(engine, "app")
    assert contents(data) == {**AFTER, "db": "changed by users"}
    assert engine.calls == []
    assert not replaced_data.pending("app")


@pytest.mark.usefixtures("killed_after_the_start")
def test_new_data_on_which_the_container_restarts_again_and_again_is_taken_back(engine, data):
    engine.containers["c1"]["State"]["Restarting"] = True
    assert replaced_data.recover(engine, "app")
    assert (data / "db").read_text() == "present"
    assert engine.calls == [("stop", "app"), ("start", "app")]


def test_files_that_go_and_come_until_the_stop_are_no_fault(engine, replacement, present, data, monkeypatch):
    (data / "db").rename(data / "db-wal")
    stop = engine.stop

    def stop_and_write(name):
        stop(name)
        (data / "db-wal").rename(data / "db")

    monkeypatch.setattr(engine, "stop", stop_and_write)
    replaced_data.carry_out(engine, replacement, present)
    assert contents(data) == AFTER


def test_a_rename_that_fails_is_taken_back(engine, replacement, present, data):
    (data / "new" / "db").unlink()
    with pytest.raises(ServiceError, match=r"/db: No such file or directory. The previous data was restored"):
        replaced_data.carry_out(engine, replacement, present)
    assert contents(data) == {"db": "present", "plugins": "present"}
    assert engine.container("app")["State"]["Running"]


def test_a_record_of_a_container_that_is_missing_does_no_harm(engine, replacement, present, data):
    replaced_data.state.save("app", replaced_data.KIND, replaced_data.asdict(replacement))
    engine.containers.clear()
    assert replaced_data.recover(engine, "app")
    assert contents(data) == BEFORE


def test_a_container_of_somebody_else_by_that_name_is_left_alone(engine, replacement, present, data):
    replacement.aside = present()
    replaced_data.state.save("app", replaced_data.KIND, replaced_data.asdict(replacement))
    engine.containers["c1"]["Config"]["Labels"] = {}
    assert replaced_data.recover(engine, "app")
    assert engine.calls == []


@pytest.mark.parametrize("aside", [None, [("db", "kept/db")]], ids=["before the stop", "before the renames"])
def test_the_present_data_stays_where_the_files_of_the_backup_are_gone(engine, replacement, data, aside):
    replacement.aside = aside and paths(data, *aside)
    replaced_data.state.save("app", replaced_data.KIND, replaced_data.asdict(replacement))
    (data / "new" / "db").unlink()
    (data / "new").rmdir()
    assert replaced_data.recover(engine, "app")
    assert contents(data) == {"db": "present", "plugins": "present"}


def test_the_previous_data_comes_back_where_the_folder_for_the_new_data_is_missing(engine, replacement, present, data):
    replacement.aside = present()
    replaced_data.state.save("app", replaced_data.KIND, replaced_data.asdict(replacement))
    for path, moved in (*replacement.aside, *replacement.new):
        os.rename(path, moved)
    (data / "new").rmdir()
    engine.stop("app")
    assert replaced_data.recover(engine, "app")
    assert contents(data) == BEFORE


def test_a_deployment_takes_a_killed_replacement_back_first(engine, options, data):
    wanted = spec.checked(parse(options))
    apply.deploy(engine, wanted, SharedAnswers(engine))
    os.rename(data / "db", data / "kept" / "db")
    engine.stop("app")
    killed = Replacement("app", "app", True, paths(data, ("db", "kept/db")), paths(data, ("new/db", "db")))
    replaced_data.state.save("app", replaced_data.KIND, replaced_data.asdict(killed))
    service, container = apply.deploy(engine, wanted, SharedAnswers(engine))
    assert contents(data) == BEFORE
    assert container["State"]["Running"]
    assert service.plan.container == "keep"


def test_a_removal_takes_a_killed_replacement_back_first(engine, options, data):
    """The volume has the previous data, and a file that was put aside goes with the service."""
    key = str(data.parent / "key")
    options["files"] = [{"path": key, "content": "secret", "force": False}]
    apply.deploy(engine, spec.checked(parse(options)), SharedAnswers(engine))
    engine.stop("app")
    moves = [*paths(data, ("db", "kept/db")), [key, f"{key}.previous"]]
    for path, moved in moves:
        os.rename(path, moved)
    killed = Replacement("app", "app", True, moves, paths(data, ("new/db", "db")))
    replaced_data.state.save("app", replaced_data.KIND, replaced_data.asdict(killed))
    removed = parse({**options, "state": "absent", "files": options["files"], "remove_data": True})
    (result,) = deployment.deploy(engine, [removed], check_mode=False)
    assert (result["failed"], engine.containers) == (False, {})
    assert contents(data) == BEFORE
    assert not os.path.exists(f"{key}.previous") and not os.path.exists(key)
    assert not replaced_data.pending("app")
