"""What a newer version of the collection left on a host, on which an older version runs next."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import collection
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import (
    apply,
    deployment,
    manifest,
    replaced_data,
    spec,
    state,
    undo,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.options import parse
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.shared import SharedAnswers
from fake_engine import Killed

ROOT = Path(__file__).resolve().parents[5]


def deploy(engine, options):
    return apply.deploy(engine, spec.checked(parse(options)), SharedAnswers(engine))


def remove(engine, options, **more):
    removed = parse({**options, "state": "absent", "files": [], "secret_files": [], **more})
    return deployment.deploy(engine, [removed], check_mode=False)[0]


def edit(kind, change):
    """Change a file of the service app as a newer version writes the file."""
    path = Path(state.path("app", kind))
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.fixture
def kill(engine, monkeypatch):
    """Kills a deployment at a call of the engine, so that nothing is taken back."""

    def kill_at(step, options):
        engine.kill_at = len(engine.calls) + step
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(undo, "take_back", lambda engine, failed: [])
            deploy(engine, options)
        engine.kill_at = None

    return kill_at


@pytest.fixture
def timers(engine, options):
    """A service that a newer version deployed, with things that this version does not know."""
    deploy(engine, options)
    edit(manifest.KIND, lambda content: content.update(timers=["app.timer"], empty=[]))


def kept():
    return json.loads(Path(state.path("app", manifest.KIND)).read_text())


def test_the_version_is_that_of_the_collection():
    assert yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"] == collection.VERSION


@pytest.mark.usefixtures("timers")
def test_unknown_keys_of_a_manifest_outlast_deployments(engine, options):
    assert not deploy(engine, options)[0].plan.changed
    assert deploy(engine, {**options, "env": {"TZ": "CET"}})[0].plan.changed
    assert (kept()["timers"], kept()["empty"]) == (["app.timer"], [])
    with pytest.raises(ServiceError):
        deploy(engine, {**options, "command": ["crash"]})
    assert (kept()["timers"], "unknown" in kept()) == (["app.timer"], False)


@pytest.mark.usefixtures("timers")
@pytest.mark.parametrize("data", [False, True])
def test_a_removal_keeps_and_names_what_only_the_newer_version_removes(engine, options, data):
    for changed in (True, False):
        result = remove(engine, options, remove_data=data)
        assert (result["failed"], result["changed"]) == (False, changed)
        (warning,) = result["warnings"]
        assert "app.manifest is left, because a newer version" in warning
        assert "its keys timers. Remove app with that version too." in warning
    assert (engine.containers, kept()["timers"]) == ({}, ["app.timer"])
    assert not manifest.deployed()


def test_a_removal_leaves_nothing_for_unknown_keys_without_value(engine, options):
    deploy(engine, options)
    edit(manifest.KIND, lambda content: content.update(timers=[]))
    assert remove(engine, options)["warnings"] == []
    assert not Path(state.path("app", manifest.KIND)).exists()


CHANGES = [
    (lambda content: content.update(timers=[]), "the key 'timers' is unknown"),
    (lambda content: content["service"].update(unit=""), "the key 'unit' is unknown"),
    (lambda content: content["service"].update(reload={"signal": None, "http": None, "command": []}), "'command'"),
    (lambda content: content.update(data={"volume": "data", "snapshots": []}), "the key 'snapshots' is unknown"),
    (lambda content: content.update(phase="migrating"), "the phase 'migrating' is unknown"),
    (lambda content: content.update(container="pause"), "the container 'pause' is unknown"),
    (lambda content: content.pop("service"), "the key 'service' is missing"),
    (lambda content: content.pop("ran"), "'ran'"),
]


@pytest.mark.parametrize(("change", "problem"), CHANGES)
def test_a_journal_with_unknown_steps_stops_the_service_alone(engine, options, kill, change, problem):
    kill(3, options)
    edit("journal", lambda content: (content.update(collection="9.1.0"), change(content)))
    before, asked = Path(state.path("app", "journal")).read_bytes(), len(engine.calls)
    other = {**options, "name": "other", "files": [], "secret_files": []}
    results = deployment.deploy(engine, [parse(options), parse(other)], check_mode=False)
    assert [result["failed"] for result in results] == [True, False]
    message = results[0]["msg"]
    assert f"{state.FOLDER}/app.journal has an interrupted change of version 9.1.0 of the collection" in message
    assert f"version {collection.VERSION} cannot complete the change: " in message
    assert problem in message
    assert message.endswith("Run the playbook site of the newer version once.")
    assert not [call for call in engine.calls[asked:] if "app" in call]
    result = remove(engine, options)
    assert result["failed"]
    assert Path(state.path("app", "journal")).read_bytes() == before


@pytest.mark.usefixtures("timers")
def test_a_manifest_in_a_journal_keeps_its_unknown_keys(engine, options, kill):
    kill(4, {**options, "env": {"TZ": "CET"}})
    assert deploy(engine, options)[0].plan.actions() == ["clear up an interrupted change"]
    assert kept()["timers"] == ["app.timer"]


def test_a_replacement_of_data_with_unknown_steps_is_refused(engine):
    content = {"service": "app", "container": "app", "ran": True, "snapshots": []}
    state.save_steps("app", replaced_data.KIND, content)
    with pytest.raises(ServiceError, match=r"app\.replaced_data has an interrupted .*the key 'snapshots' is unknown"):
        replaced_data.recover(engine, "app")
    assert replaced_data.pending("app")
