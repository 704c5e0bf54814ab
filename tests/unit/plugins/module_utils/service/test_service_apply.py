"""A change works or is taken back, wherever it fails or the process is killed. The engine is one in memory."""

from __future__ import annotations

import collections
import copy
import json
import os
from contextlib import contextmanager
from pathlib import Path

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import apply, deployment, journal, spec, undo
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.options import HttpProbe, parse
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.ports import Published
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.shared import SharedAnswers
from fake_engine import Killed

SECRET = "correct-horse-battery"
NEW_SECRET = "password: another-secret-word\n"


def wanted_service(options):
    return spec.checked(parse(options))


def deploy(engine, options):
    return apply.deploy(engine, wanted_service(options), SharedAnswers(engine))


def state(engine, options):
    """Containers by name with id and whether they run, and the files."""
    containers = {
        container["Name"]: (container["Id"], container["State"]["Running"]) for container in engine.containers.values()
    }
    paths = [Path(item["path"]) for item in options["files"] + options["secret_files"]]
    return containers, [path.read_text() if path.exists() else None for path in paths]


@pytest.fixture
def changed(options):
    new = copy.deepcopy(options)
    new["env"]["TZ"] = "CET"
    new["files"][0]["content"] = "two\n"
    new["secret_files"][0]["content"] = NEW_SECRET
    return new


@pytest.fixture
def deployed(engine, options):
    deploy(engine, options)
    engine.calls.clear()
    return state(engine, options)


def test_first_deployment(engine, options):
    service, container = deploy(engine, options)
    assert [call[0] for call in engine.calls] == ["create_network", "create", "rename", "start"]
    assert container["State"]["Running"]
    assert service.plan.actions()[-1] == "create container"
    assert state(engine, options)[1] == ["one\n", f"password: {SECRET}\n"]


@pytest.mark.usefixtures("deployed")
def test_nothing_to_do(engine, options):
    service, container = deploy(engine, options)
    assert not service.plan.changed
    assert container["Name"] == "/app"
    assert engine.calls == []


def test_the_new_container_is_made_before_the_old_one_stops(engine, deployed, changed):
    deploy(engine, changed)
    assert [call[0] for call in engine.calls] == ["create", "rename", "rename", "stop", "start", "remove"]
    assert list(state(engine, changed)[0]) == ["/app"]


@pytest.mark.parametrize("step", range(1, 6))
def test_a_refusal_at_any_step_is_taken_back(engine, options, deployed, changed, step):
    engine.fail_at = step
    with pytest.raises(ServiceError, match="the disk is full.*The files and the container app are as they were before"):
        deploy(engine, changed)
    assert state(engine, options) == deployed


def test_a_refusal_to_remove_the_old_container_leaves_the_new_one(engine, changed, deployed):
    engine.fail_at = 6
    with pytest.raises(
        ServiceError,
        match="the disk is full.*app runs as declared. The next run removes the remains of the previous container",
    ):
        deploy(engine, changed)
    assert sorted(state(engine, changed)[0]) == ["/app", "/app.previous"]
    assert deploy(engine, changed)[0].plan.actions() == ["clear up an interrupted change"]
    assert list(state(engine, changed)[0]) == ["/app"]
    assert not deploy(engine, changed)[0].plan.changed


@contextmanager
def killed(monkeypatch):
    """Nothing of what the process does is taken back."""
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(undo, "take_back", lambda engine, failed: [])
        yield patch


@pytest.mark.parametrize("step", range(1, 7))
@pytest.mark.parametrize("rerun", ["old", "new"])
def test_the_next_run_continues_after_a_kill_at_any_step(engine, options, deployed, changed, step, rerun, monkeypatch):
    engine.kill_at = step
    with killed(monkeypatch):
        deploy(engine, changed)
    again = changed if rerun == "new" else options
    service, container = deploy(engine, again)
    assert service.plan.actions()[0] == "clear up an interrupted change"
    assert container["State"]["Running"]
    containers, contents = state(engine, again)
    assert containers == {"/app": (container["Id"], True)}
    assert contents == [item["content"] for item in again["files"] + again["secret_files"]]
    assert not deploy(engine, again)[0].plan.changed
    folder = Path(options["files"][0]["path"]).parent
    assert sorted(path.name for path in folder.iterdir()) == ["app.conf", "secret"]


@pytest.mark.parametrize("step", range(1, 6))
@pytest.mark.parametrize(
    "wrong", [{"image": "none:1", "pull": "never"}, {"validate": {"command": ["check"]}}], ids=["image", "validate"]
)
def test_what_ran_runs_again_even_if_the_next_run_is_refused(
    engine, options, deployed, changed, step, wrong, monkeypatch
):
    engine.kill_at = step
    with killed(monkeypatch):
        deploy(engine, changed)
    engine.validator = (1, "bad")
    with pytest.raises(ServiceError, match="image: |validate: "):
        deploy(engine, {**changed, **wrong})
    assert state(engine, options) == deployed


def kill_after_first_file(patch):
    """The process dies when the first file is in place."""
    put = apply.files.Staging.put

    def killed_put(self, change):
        put(self, change)
        raise Killed

    patch.setattr(apply.files.Staging, "put", killed_put)


@pytest.mark.parametrize(
    ("runs", "calls"), [(True, ["signal", "signal"]), (False, ["start"])], ids=["running", "stopped"]
)
def test_a_kill_between_files_and_reload_is_taken_back_first(engine, options, deployed, runs, calls, monkeypatch):
    new = copy.deepcopy(options)
    new["files"][0]["content"] = "two\n"
    if not runs:
        engine.stop("app")
    with killed(monkeypatch) as patch:
        kill_after_first_file(patch)
        deploy(engine, new)
    assert (
        apply.read(engine, wanted_service(new), SharedAnswers(engine), check_mode=True).plan.actions()[0]
        == "clear up an interrupted change"
    )
    engine.calls.clear()
    deploy(engine, new)
    assert [call[0] for call in engine.calls] == calls
    assert state(engine, new)[1][0] == "two\n"


@pytest.mark.usefixtures("deployed")
def test_a_container_that_somebody_renamed_is_replaced(engine, options):
    engine.rename("app", "mine")
    assert deploy(engine, options)[0].plan.actions() == ["recreate container: container_name"]
    assert list(state(engine, options)[0]) == ["/app"]
    engine.rename("app", "mine")
    assert apply.remove(engine, parse(options)).containers == ["mine"]
    assert state(engine, options)[0] == {}


@pytest.mark.usefixtures("deployed")
def test_another_name_replaces_the_container_and_keeps_the_services_own_name_on_its_networks(engine, options):
    named = dict(options, container_name="gpu-app", networks=["monitoring", "other"])
    planned = apply.read(engine, wanted_service(named), SharedAnswers(engine), check_mode=True).plan.actions()
    assert planned == ["create network other", "recreate container: aliases, container_name, networks"]
    assert deploy(engine, named)[0].plan.actions() == planned
    (container,) = engine.containers.values()
    assert (container["Name"], container["State"]["Running"]) == ("/gpu-app", True)
    assert {name: endpoint["Aliases"] for name, endpoint in container["NetworkSettings"]["Networks"].items()} == {
        "monitoring": ["app"],
        "other": ["app"],
    }
    assert not deploy(engine, named)[0].plan.changed
    del container["NetworkSettings"]["Networks"]["other"]["Aliases"]
    assert deploy(engine, named)[0].plan.actions() == ["recreate container: aliases"]
    assert deploy(engine, options)[0].plan.actions() == ["recreate container: container_name, networks"]


def test_a_foreign_container_with_the_name_is_no_hindrance_under_another_name(engine, options):
    deploy(engine, dict(options, name="foreign"))
    engine.rename("foreign", "app")
    with pytest.raises(ServiceError, match="a container named app exists.*gpu_monitoring_container_prefix"):
        deploy(engine, options)
    deploy(engine, dict(options, container_name="gpu-app"))
    assert sorted(state(engine, options)[0]) == ["/app", "/gpu-app"]
    apply.remove(engine, parse(options))
    assert list(state(engine, options)[0]) == ["/app"]


@pytest.mark.parametrize("step", range(1, 7))
@pytest.mark.parametrize("rerun", ["previous", "new"])
def test_a_kill_at_any_step_of_a_new_name(engine, options, deployed, changed, step, rerun, monkeypatch):
    changed["container_name"] = "gpu-app"
    engine.kill_at = step
    with killed(monkeypatch):
        deploy(engine, changed)
    again = changed if rerun == "new" else options
    apply.read(engine, wanted_service(again), SharedAnswers(engine), check_mode=True)
    container = deploy(engine, again)[1]
    assert state(engine, again)[0] == {"/gpu-app" if rerun == "new" else "/app": (container["Id"], True)}
    assert not deploy(engine, again)[0].plan.changed


@pytest.mark.parametrize("step", range(1, 6))
def test_a_refusal_at_any_step_of_a_new_name_is_taken_back(engine, options, deployed, changed, step):
    engine.fail_at = step
    with pytest.raises(ServiceError, match="the disk is full"):
        deploy(engine, {**changed, "container_name": "gpu-app"})
    assert state(engine, options) == deployed


def test_a_fault_in_one_service_does_not_end_the_others(engine, options, monkeypatch):
    def fail(reference):
        raise KeyError(f"Id {SECRET}")

    monkeypatch.setattr(engine, "pull", fail)
    services = [parse(dict(options, name="first", image="app:9")), parse(dict(options, name="second"))]
    first, second = deployment.deploy(engine, services, check_mode=False)
    assert (first["failed"], second["failed"]) == (True, False)
    assert first["msg"].startswith("Unexpected error: KeyError: 'Id <secret>' (test_service_apply.py, line ")
    assert second["container"]["status"] == "running"


def test_a_removal_clears_up_first(engine, options, deployed, changed, tmp_path, monkeypatch):
    with killed(monkeypatch) as patch:
        kill_after_first_file(patch)
        deploy(
            engine,
            dict(
                changed, files=[*changed["files"], dict(changed["files"][0], path=str(tmp_path / "other" / "new.conf"))]
            ),
        )
    apply.remove(engine, parse(options))
    assert state(engine, options) == ({}, [None, None])
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock"] == []


def test_what_cannot_be_taken_back_is_reported_and_does_not_stop_the_next_run(
    engine, options, deployed, changed, monkeypatch
):
    engine.kill_at = 5
    with killed(monkeypatch):
        deploy(engine, changed)
    engine.kill_at, engine.fail_at = None, len(engine.calls) + 3
    service, container = deploy(engine, changed)
    assert service.warnings == [
        "An interrupted change of app could not be undone: The Docker engine could not do it: the disk is full."
    ]
    assert state(engine, changed)[0] == {"/app": (container["Id"], True)}
    assert not deploy(engine, changed)[0].plan.changed


def test_an_unhealthy_container_gives_way_to_the_old_one(engine, options, deployed, changed):
    engine.images["app:2"] = {**engine.images["app:1"], "Id": "sha256:2"}
    engine.sick = {"sha256:2"}
    with pytest.raises(ServiceError) as failure:
        deploy(engine, dict(changed, image="app:2"))
    assert failure.value.reason.startswith(
        "health: app is not healthy after 0 s: ready ends with 1: not ready. The files and the container app"
    )
    assert failure.value.output.startswith("Last lines of app:\nstarting\n")
    assert state(engine, options) == deployed


@pytest.mark.parametrize(("pattern", "told"), [("^bye$", True), ("^by$", False)])
def test_a_hint_says_what_a_line_of_the_log_means(engine, options, pattern, told):
    hints = [{"pattern": "never", "text": "Another thing."}, {"pattern": pattern, "text": "It says so when it leaves."}]
    with pytest.raises(ServiceError) as failure:
        deploy(engine, dict(options, command=["crash"], health={**options["health"], "log_hints": hints}))
    assert ("ended with exit code 3. It says so when it leaves. " in failure.value.reason) is told
    assert "Another thing." not in failure.value.reason


def test_secrets_are_masked_in_last_lines(engine, options):
    with pytest.raises(ServiceError, match="ended with exit code 3") as failure:
        deploy(engine, dict(options, command=["crash"]))
    assert "starting\n<secret>\nbye" in failure.value.output
    assert "There was no container app before, and none is left." in failure.value.reason
    assert state(engine, options) == ({}, [None, None])


def test_a_stopped_container_that_does_not_become_healthy_keeps_its_chance(engine, options, deployed):
    engine.stop("app")
    engine.sick = {"sha256:1"}
    with pytest.raises(ServiceError, match="The container app was only started"):
        deploy(engine, options)
    assert state(engine, options)[0] == deployed[0]


def test_a_reload_that_fails_is_taken_back(engine, options, deployed):
    new = copy.deepcopy(options)
    new["files"][0]["content"] = "two\n"
    engine.sick = {"sha256:1"}
    with pytest.raises(ServiceError, match="ready ends with 1"):
        deploy(engine, new)
    assert [call[0] for call in engine.calls] == ["signal", "signal"]
    assert state(engine, options) == deployed


def test_a_failure_of_taking_back_is_said_too(engine, options, deployed, changed):
    engine.images["app:2"] = {**engine.images["app:1"], "Id": "sha256:2"}
    engine.sick = {"sha256:2"}
    engine.fail_at = 8
    with pytest.raises(
        ServiceError, match="ready ends with 1.*Restoring the previous state failed too: .*the disk is full"
    ):
        deploy(engine, dict(changed, image="app:2"))


def test_files_that_the_validator_refuses_are_not_put_in_place(engine, options, deployed, changed):
    engine.validator = (1, f"line 1: bad {SECRET} another-secret-word")
    changed["validate"] = {"command": ["check", "/etc/app/app.conf"]}
    with pytest.raises(
        ServiceError, match="validate: `check /etc/app/app.conf` refuses the new files of app with exit code 1"
    ) as failure:
        deploy(engine, changed)
    assert "another-secret-word" not in failure.value.output
    assert engine.calls == [("run", "app.validation")]
    assert state(engine, options) == deployed


def test_a_further_validator_that_refuses_the_files_decides_with_the_advice(
    engine, options, deployed, changed, monkeypatch
):
    ran = []

    def run(_name, body, _timeout, _lines):
        ran.append([*body["Entrypoint"], *body["Cmd"]])
        return (1, "the wrong receiver") if body["Cmd"] == ["two"] else (0, "")

    monkeypatch.setattr(engine, "run", run)
    changed["validate"] = {
        "command": ["check"],
        "further_commands": [["test", "one"], ["test", "two"], ["test", "three"]],
        "advice": "Correct the route.",
    }
    with pytest.raises(
        ServiceError, match="validate: `test two` refuses .* they were not put in place. Correct the route. The files"
    ) as failure:
        deploy(engine, changed)
    assert (failure.value.output, ran) == ("the wrong receiver", [["check"], ["test", "one"], ["test", "two"]])
    assert state(engine, options) == deployed


def test_check_mode_calls_nothing(engine, options):
    service = apply.read(engine, wanted_service(dict(options, image="app:9")), SharedAnswers(engine), check_mode=True)
    assert service.plan.actions()[:2] == ["pull image", "create network monitoring"]
    assert engine.calls == []
    assert state(engine, options) == ({}, [None, None])


def test_check_mode_without_an_engine(options):
    service = apply.read(None, wanted_service(options), SharedAnswers(None), check_mode=True)
    assert service.plan.actions()[0] == "pull image"
    assert service.plan.actions()[-1] == "create container"
    assert "<secret changed>\n" in [change["after"] for change in service.diff()]


def test_check_mode_does_not_fail_for_what_an_earlier_task_would_bring(engine, options):
    wanted = wanted_service(dict(options, image="app:9", pull="never", gpus="auto"))
    warnings = apply.read(engine, wanted, SharedAnswers(engine), check_mode=True).warnings
    assert [warning.partition(":")[0] for warning in warnings] == ["image", "gpus"]
    with pytest.raises(ServiceError, match="pull is 'never'"):
        apply.read(engine, wanted, SharedAnswers(engine), check_mode=False)


def test_an_image_of_another_service_that_cannot_be_had_changes_nothing(
    engine, options, deployed, changed, monkeypatch
):
    def refuse(reference):
        raise ServiceError(f"image: {reference} cannot be pulled")

    monkeypatch.setattr(engine, "pull", refuse)
    with pytest.raises(ServiceError, match="other:1 cannot be pulled"):
        deploy(engine, dict(changed, also_pull=["other:1"]))
    assert state(engine, options) == deployed


def test_a_port_that_another_service_is_about_to_leave_is_a_warning_in_a_dry_run(engine, options, deployed):
    ports = [{"container_port": 80, "host_port": 8088, "address": "127.0.0.1"}]
    engine.ports = [Published("other", "127.0.0.1", 8088)]
    wanted = wanted_service(dict(options, ports=ports))
    assert "port 8088 of 127.0.0.1" in apply.read(engine, wanted, SharedAnswers(engine), check_mode=True).warnings[-1]
    with pytest.raises(ServiceError, match="port 8088 of 127.0.0.1"):
        apply.read(engine, wanted, SharedAnswers(engine), check_mode=False)


def test_a_pull_is_reported(engine, options):
    service, _container = deploy(engine, dict(options, image="app:9"))
    assert service.plan.actions()[0] == "pull image"
    assert engine.calls[0] == ("pull", "app:9")


def test_a_second_run_at_once_is_refused(engine, options):
    with apply.lock("app"), pytest.raises(ServiceError, match="another run is changing app"):
        deploy(engine, options)
    assert state(engine, options) == ({}, [None, None])


def test_removal_leaves_foreign_containers(engine, options, deployed):
    paths = [item["path"] for item in options["files"] + options["secret_files"]]
    assert apply.plan_removal(engine, parse(options)) == apply.Removal(["app"], paths, [], [], ["monitoring"])
    next(iter(engine.containers.values()))["Config"]["Labels"] = {}
    apply.remove(engine, parse(options))
    assert [container["Name"] for container in engine.containers.values()] == ["/app"]


def nothing_asked(options, **changes):
    """The options of a removal: the name and the networks."""
    return dict(options, state="absent", files=[], secret_files=[], mounts=[], **changes)


def test_what_was_put_there_is_remembered_and_removed(engine, options, deployed, tmp_path):
    removal = apply.remove(engine, parse(nothing_asked(options)))
    assert removal.descriptions() == [
        "container app",
        f"{tmp_path}/etc/app.conf",
        f"{tmp_path}/etc/secret",
        "network monitoring",
    ]
    assert [path.name for path in tmp_path.rglob("*")] == ["locks", "app.lock"]
    assert apply.plan_removal(engine, parse(nothing_asked(options))).descriptions() == []


def test_a_folder_with_something_else_in_it_stays(engine, options, deployed, tmp_path):
    (tmp_path / "etc" / "by-hand.conf").write_text("mine\n")
    apply.remove(engine, parse(nothing_asked(options)))
    assert [path.name for path in (tmp_path / "etc").iterdir()] == ["by-hand.conf"]


def test_a_folder_of_several_services_goes_with_the_last_of_them(engine, options, deployed, file_options, tmp_path):
    other = dict(options, name="other", files=[file_options("etc/other/other.conf", "one\n")], secret_files=[])
    deploy(engine, other)
    apply.remove(engine, parse(nothing_asked(options)))
    assert (tmp_path / "etc" / "other" / "other.conf").exists()
    apply.remove(engine, parse(nothing_asked(other)))
    assert not (tmp_path / "etc").exists()


def test_a_file_of_several_services_goes_with_the_last_of_them(engine, options, deployed, file_options, tmp_path):
    note = file_options("etc/shared/README", "text\n")
    absent = [nothing_asked(options), nothing_asked(options, name="other")]
    deploy(engine, dict(options, files=[*options["files"], note]))
    deploy(engine, dict(options, name="other", files=[note], secret_files=[]))
    results = deployment.deploy(engine, [parse(service) for service in absent], check_mode=True)
    assert [any("README" in action for action in result["actions"]) for result in results] == [False, True]
    deploy(engine, options)
    assert (tmp_path / "etc" / "shared" / "README").exists(), "a service that no longer has the file leaves the file"
    deploy(engine, dict(options, files=[*options["files"], note]))
    apply.remove(engine, parse(absent[0]))
    assert (tmp_path / "etc" / "shared" / "README").exists()
    apply.remove(engine, parse(absent[1]))
    assert not (tmp_path / "etc").exists()


def test_a_failed_deployment_makes_nothing_of_others_ours(engine, options, tmp_path):
    foreign_file = tmp_path / "etc" / "app.conf"
    foreign_file.parent.mkdir()
    foreign_file.write_text("of the admin\n")
    engine.sick = {"sha256:1"}
    with pytest.raises(ServiceError, match="not healthy"):
        deploy(
            engine,
            dict(
                options, files=[*options["files"], dict(options["files"][0], path=str(tmp_path / "new" / "more.conf"))]
            ),
        )
    assert foreign_file.read_text() == "of the admin\n"
    assert apply.plan_removal(engine, parse(nothing_asked(options, remove_data=True))).files == []
    assert not (tmp_path / "new").exists()


def test_a_network_that_a_container_of_others_has_stays_and_that_is_said(engine, options, deployed):
    deploy(engine, dict(options, name="other", files=[], secret_files=[]))
    (other,) = [container for container in engine.containers.values() if container["Name"] == "/other"]
    other["Config"]["Labels"] = {}
    removal = apply.remove(engine, parse(nothing_asked(options)))
    assert removal.networks == []
    assert removal.left == ["The network monitoring is left, because these containers use it: other."]


def test_a_dry_run_counts_the_services_that_are_removed_before(engine, options, deployed):
    other = dict(options, name="other", files=[], secret_files=[])
    deploy(engine, other)
    absent = [parse(nothing_asked(options)), parse(nothing_asked(other))]
    results = deployment.deploy(engine, absent, check_mode=True)
    assert [result["actions"][-1] for result in results] == [
        f"remove {results[0]['diff'][-1]['before_header']}",
        "remove network monitoring",
    ]
    assert len(engine.containers) == 2


def test_without_an_engine_the_files_of_a_service_go(engine, options, deployed, tmp_path):
    """The journal is what a killed run left."""
    (result,) = deployment.deploy(None, [parse(nothing_asked(options))], check_mode=False)
    assert not result["failed"]
    assert result["actions"] == [f"remove {tmp_path}/etc/app.conf", f"remove {tmp_path}/etc/secret"]
    assert not (tmp_path / "etc").exists()
    assert apply.plan_removal(None, parse(nothing_asked(options))).descriptions() == []


def test_what_a_removal_without_an_engine_left_goes_when_the_engine_is_back(engine, options):
    mounts = [*options["mounts"], {"type": "volume", "source": "data", "target": "/data", "read_only": False}]
    deploy(engine, dict(options, mounts=mounts))
    absent = [parse(nothing_asked(dict(options, networks=[]), remove_data=True))]
    (without,) = deployment.deploy(None, absent, check_mode=False)
    assert "volume data" not in without["actions"]
    (result,) = deployment.deploy(engine, absent, check_mode=False)
    assert result["actions"] == ["remove container app", "remove volume data", "remove network monitoring"]
    assert engine.volumes == set()
    (again,) = deployment.deploy(engine, absent, check_mode=False)
    assert again["actions"] == []


def test_a_network_that_others_have_stays(engine, options, deployed):
    deploy(engine, dict(options, name="other", files=[], secret_files=[]))
    assert apply.plan_removal(engine, parse(nothing_asked(options))).networks == []
    apply.remove(engine, parse(nothing_asked(options)))
    assert apply.plan_removal(engine, parse(nothing_asked(options, name="other"))).networks == ["monitoring"]


def test_a_file_that_is_no_longer_declared_goes_once_the_service_is_healthy(engine, options, deployed, tmp_path):
    fewer = dict(options, secret_files=[])
    engine.sick = {"sha256:1"}
    with pytest.raises(ServiceError, match="not healthy"):
        deploy(engine, fewer)
    assert (tmp_path / "etc" / "secret").exists()
    engine.sick = set()
    service, _container = deploy(engine, fewer)
    assert service.plan.actions() == [f"remove {tmp_path}/etc/secret"]
    assert not (tmp_path / "etc" / "secret").exists()
    assert not deploy(engine, fewer)[0].plan.changed


def test_a_file_that_is_made_once_moves_along_to_another_place(engine, options, file_options, tmp_path):
    def with_key(path):
        return dict(options, secret_files=[dict(file_options(path, "first\n"), force=False)])

    deploy(engine, with_key("etc/key"))
    old, new = tmp_path / "etc" / "key", tmp_path / "new" / "key"
    os.utime(old, (1_000_000, 1_000_000))
    second = with_key("new/key")
    second["secret_files"][0]["content"] = "second\n"
    engine.sick = {"sha256:1"}
    with pytest.raises(ServiceError, match="not healthy"):
        deploy(engine, second)
    assert (old.read_text(), new.exists()) == ("first\n", False)
    engine.sick = set()
    service, _container = deploy(engine, second)
    assert f"remove {old}" in service.plan.actions()
    assert (old.exists(), new.read_text(), new.stat().st_mtime) == (False, "first\n", 1_000_000)
    assert not deploy(engine, second)[0].plan.changed
    assert apply.plan_removal(engine, parse(dict(nothing_asked(options), remove_data=True))).kept == [str(new)]


def test_a_previous_network_is_removed_with_the_service(engine, options, deployed):
    deploy(engine, dict(options, networks=["other"]))
    assert apply.plan_removal(engine, parse(nothing_asked(dict(options, networks=[])))).networks == [
        "monitoring",
        "other",
    ]


def test_a_file_that_is_made_once_stays_as_it_is_and_counts_as_data(engine, options, file_options, tmp_path):
    key = tmp_path / "etc" / "key"
    mounts = [*options["mounts"], {"type": "volume", "source": "data", "target": "/data", "read_only": False}]

    def with_key(content):
        return dict(options, mounts=mounts, secret_files=[dict(file_options("etc/key", content), force=False)])

    deploy(engine, with_key("first\n"))
    assert not deploy(engine, with_key("second\n"))[0].plan.changed
    assert not deploy(engine, dict(options, mounts=mounts, secret_files=[]))[0].plan.changed
    assert key.read_text() == "first\n"
    apply.remove(engine, parse(nothing_asked(options)))
    assert key.read_text() == "first\n"
    assert engine.volumes == {"data"}
    removal = apply.remove(engine, parse(nothing_asked(options, remove_data=True)))
    assert removal.descriptions() == [str(key), "volume data"]
    assert not key.parent.exists()
    assert engine.volumes == set()


def test_a_journal_and_a_manifest_of_an_earlier_version_are_read(engine, options, deployed, tmp_path):
    """They are as version 0.1.0 wrote them: the reload as the module's option was given."""
    folder = tmp_path / "locks"
    probe = {
        "port": 80,
        "path": "/-/reload",
        "scheme": "http",
        "username": None,
        "password_file": None,
        "method": "POST",
    }
    manifest_kept = json.loads((folder / "app.manifest").read_text())
    assert manifest_kept.pop("versions") == manifest_kept.pop("readers") == {}
    assert sorted(manifest_kept) == ["files", "folders", "kept", "networks", "volumes"]
    (folder / "app.manifest").write_text(json.dumps(manifest_kept))
    kept = {
        "service": {"name": "app", "networks": ["monitoring"], "reload": {"signal": None, "http": probe}},
        "container": "reload",
        "ran": True,
        "files": {},
        "folders": [],
        "manifest": manifest_kept,
        "phase": "changing",
    }
    (folder / "app.journal").write_text(json.dumps(kept))
    assert journal.read("app").service.reload.http == HttpProbe(80, "/-/reload")
    (folder / "app.journal").write_text(
        json.dumps({**kept, "service": {"name": "app", "networks": [], "reload": None}, "container": "start"})
    )
    service, _container = deploy(engine, options)
    assert service.plan.actions() == ["clear up an interrupted change"]
    assert state(engine, options) == deployed


class Counted:
    """The engine, with a count of what it was asked."""

    def __init__(self, engine):
        self.engine, self.asked = engine, collections.Counter()

    def __getattr__(self, name):
        if name in ("container", "image", "networks", "gpu_abilities", "published", "owned"):
            self.asked[name] += 1
        return getattr(self.engine, name)


def deploy_all(engine, *services):
    return deployment.deploy(engine, [parse(service) for service in services], check_mode=False)


def two(options):
    """The service, and another one that is as it but for its files."""
    return options, dict(options, name="other", files=[], secret_files=[])


def test_services_that_need_no_change_share_what_the_engine_answers(engine, options):
    deploy_all(engine, *two(options))
    counted = Counted(engine)
    results = deploy_all(counted, *two(options))
    assert [result["changed"] for result in results] == [False, False]
    assert counted.asked == {"container": 2, "image": 1, "networks": 1}


def test_a_service_after_one_that_changed_something_sees_the_change(engine, options):
    first, second = deploy_all(engine, *two(options))
    assert "create network monitoring" in first["actions"]
    assert second["actions"] == ["create container"]


def test_a_service_that_fails_hides_no_other(engine, options, tmp_path):
    first, second = two(options)
    results = deploy_all(engine, dict(first, command=["crash"]), second)
    assert [(result["name"], result["failed"], result["changed"]) for result in results] == [
        ("app", True, False),
        ("other", False, True),
    ]
    assert state(engine, options) == ({"/other": ("2".zfill(64), True)}, [None, None])
    message = deployment.failure(results)
    assert message.startswith("app: health: app is not healthy")
    assert message.endswith("The other services of this task did not fail: other.")
    assert SECRET not in str(results)


def test_a_damaged_file_of_the_module_hides_no_other_service(engine, options, tmp_path):
    (tmp_path / "locks" / "app.journal").write_text("{")
    first, second = deploy_all(engine, *two(options))
    assert f"{tmp_path}/locks/app.journal is damaged" in first["msg"]
    assert (first["failed"], second["failed"], second["changed"]) == (True, False, True)


def test_a_port_is_free_once_an_earlier_service_of_the_deployment_left_it(engine, options):
    ports = [{"container_port": 80, "host_port": 8088, "address": "127.0.0.1"}]
    first, second = two(options)
    deploy_all(engine, dict(first, ports=ports))
    engine.ports = [Published("app", "127.0.0.1", 8088)]
    results = deploy_all(engine, dict(second, ports=ports))
    assert "is taken by the container app" in results[0]["msg"]
    remove = engine.remove

    def removed(name, **more):
        remove(name, **more)
        engine.ports = []

    engine.remove = removed
    assert [
        result["failed"] for result in deploy_all(engine, dict(first, state="absent"), dict(second, ports=ports))
    ] == [False, False]
