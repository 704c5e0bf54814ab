"""How the engine takes the runtime nvidia, with stand-ins for the engine and for systemctl. The file is a real one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.commands import Answer
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.engine import EngineState
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit import engine_runtime
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit.errors import Skipped, ToolkitError
from hosts import PROGRAM, container, fresh, wanted

SITE = {"insecure-registries": ["registry.lab:5000"]}
WITH_RUNTIME = {**SITE, "runtimes": {"nvidia": {"path": PROGRAM}}}
RUNTIMES = {"runc": "runc", "nvidia": PROGRAM}
JOB = container("job")


class Host:
    """An engine, its daemon.json, and what systemctl was asked for. `on` says what a verb does to the engine."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.engine: EngineState = fresh()["engine"]
        self.verbs: list[str] = []
        self.on: dict[str, dict[str, Any]] = {}
        self.failing = ""

    def run(self, arguments: list[str], *_options: Any) -> Answer:
        self.verbs.append(arguments[1])
        self.engine.update(self.on.get(arguments[1], {}))  # type: ignore[typeddict-item]
        return Answer(int(arguments[1] == self.failing), "", "Job for docker.service failed.")

    @property
    def configuration(self) -> dict[str, Any]:
        return json.loads(self.path.read_text())


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host(tmp_path / "daemon.json")
    made.path.write_text(json.dumps(SITE))
    monkeypatch.setattr(engine_runtime, "DAEMON_JSON", str(made.path))
    monkeypatch.setattr(engine_runtime.engine, "ask", lambda *_arguments, **_options: made.engine)
    monkeypatch.setattr(engine_runtime, "_RELOAD_SECONDS", -1)
    monkeypatch.setattr(engine_runtime, "_RESTART_SECONDS", -1)
    return made


@pytest.fixture
def runtime(host: Host, monkeypatch: pytest.MonkeyPatch) -> Callable[..., engine_runtime.EngineRuntime]:
    """Makes the runtime of the host as declared. No dockerd checks the file."""
    with patch_module_args({}):
        module = AnsibleModule({})
    monkeypatch.setattr(module, "get_bin_path", lambda *_arguments, **_options: None)
    return lambda **given: engine_runtime.EngineRuntime(module, host, "", wanted(**given))  # type: ignore[arg-type]


def test_a_reload_is_enough_where_the_engine_takes_it(host, runtime):
    host.on["reload"] = {"runtimes": RUNTIMES}
    runtime().add(PROGRAM)
    assert host.verbs == ["reload"]
    assert host.configuration == WITH_RUNTIME


@pytest.mark.parametrize(
    ("allow_restart", "after_reload", "error", "words"),
    [
        (False, {}, ToolkitError, ("docker_engine_allow_restart is false",)),
        (True, {"containers": [JOB]}, Skipped, ("would stop the running containers job", "live-restore")),
        (True, {"reachable": False, "error": "timed out"}, ToolkitError, ("no longer answers", "timed out")),
    ],
    ids=["forbidden", "a container that started since", "silent"],
)
def test_what_a_restart_could_harm_is_known_just_before_it(host, runtime, allow_restart, after_reload, error, words):
    host.on["reload"] = after_reload
    with pytest.raises(error) as raised:
        runtime(allow_restart=allow_restart).add(PROGRAM)
    for text in (*words, "previous configuration was restored"):
        assert text in str(raised.value)
    assert "restart" not in host.verbs
    assert host.configuration == SITE


@pytest.mark.parametrize("live_restore", [True, False])
def test_a_restart_that_stops_no_container_is_made_where_only_that_helps(host, runtime, live_restore):
    host.engine.update(live_restore=live_restore, containers=[JOB] if live_restore else [])
    host.on["restart"] = {"runtimes": RUNTIMES}
    runtime(allow_restart=True).add(PROGRAM)
    assert host.verbs == ["reload", "restart"]
    assert host.configuration == WITH_RUNTIME


def test_a_restart_that_does_not_help_is_an_error_and_the_engine_runs_with_its_former_file(host, runtime):
    with pytest.raises(ToolkitError, match="after a restart either.*previous configuration was restored"):
        runtime(allow_restart=True).add(PROGRAM)
    assert host.verbs[-1] == "start"
    assert host.configuration == SITE


def test_a_removal_that_the_engine_does_not_take_leaves_the_file(host, runtime):
    host.path.write_text(json.dumps(WITH_RUNTIME))
    host.failing = "reload"
    with pytest.raises(ToolkitError, match="without the runtime nvidia: Job for docker.*Nothing was removed"):
        runtime().remove()
    assert host.configuration == WITH_RUNTIME


def test_a_removal_leaves_what_is_of_the_site(host, runtime):
    host.path.write_text(json.dumps(WITH_RUNTIME))
    runtime().remove()
    assert host.verbs == ["reload"]
    assert host.configuration == SITE
