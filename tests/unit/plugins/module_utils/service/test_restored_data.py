"""Data of a backup in the place of present data, with an engine in memory and real files."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup import (
    digests,
    restored_data,
    restored_service,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.errors import BackupError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.manifest import Manifest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import apply, replaced_data
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.spec import OWNER_LABEL
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import restore_contents
from fake_engine import Killed


@pytest.fixture(autouse=True)
def steady(monkeypatch):
    monkeypatch.setattr(replaced_data, "STEADY_SECONDS", 0)
    monkeypatch.setattr(replaced_data, "POLL_SECONDS", 0)


@pytest.fixture
def service(tmp_path, engine):
    """Grafana with a key and a plugin, and those of a backup that were sent."""
    engine.containers["c1"] = {
        "Id": "c1",
        "Name": "/grafana",
        "Config": {"Image": "grafana:12.4.10", "Cmd": [], "Labels": {OWNER_LABEL: "grafana"}},
        "State": {"Running": True, "Paused": False, "Restarting": False, "ExitCode": 0, "Status": "running"},
        "RestartCount": 0,
    }
    folder, owner = tmp_path / "volume", (os.getuid(), os.getgid())
    made = restored_service.Service(
        "grafana", str(folder), engine.container("grafana"), owner, str(tmp_path / "secret_key")
    )
    for path, content in {
        "secret_key": "present",
        "volume/plugins/a": "present",
        f"volume/{restored_service.FOLDER}/secret_key": "restored",
        f"volume/{restored_service.FOLDER}/plugins/a": "restored",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content)
    return made


def state_of(service):
    """The key and the plugin that Grafana has."""
    return [open(path).read() for path in (service.secret_key_file, os.path.join(service.folder, "plugins", "a"))]


def test_a_key_that_a_killed_run_left_is_not_taken_for_the_present_key(service, engine, tmp_path, monkeypatch):
    (tmp_path / "secret_key.previous").write_text("older")
    with monkeypatch.context() as patch:

        def killed(*_arguments):
            raise Killed

        patch.setattr(replaced_data, "_rename", killed)
        patch.setattr(replaced_data, "take_back", lambda *_arguments: None)
        with pytest.raises(Killed):
            restored_data.replace(engine, service, "1")
    assert replaced_data.recover(engine, "grafana")
    assert state_of(service) == ["present", "present"]


def test_a_journal_of_the_new_database_is_not_beside_the_previous_database(service, engine, monkeypatch):
    """SQLite would write the pages of that journal into the previous database."""
    volume, start = Path(service.folder), engine.start
    (volume / "grafana.db").write_text("present")
    Path(service.delivered, "grafana.db").write_text("restored")

    def ends_on_new_data(name):
        start(name)
        if (volume / "grafana.db").read_text() == "restored":
            (volume / "grafana.db-journal").write_text("pages of the new database")
            engine.containers["c1"]["State"]["Running"] = False

    monkeypatch.setattr(engine, "start", ends_on_new_data)
    with pytest.raises(ServiceError, match="The previous data was restored"):
        restored_data.replace(engine, service, "1")
    restored_data.discard(service)
    assert (volume / "grafana.db").read_text() == "present"
    assert sorted(os.listdir(volume)) == ["grafana.db", "plugins"]


def test_a_journal_of_the_previous_database_stays_with_it(service, engine, monkeypatch):
    """It was there after the stop, or the previous Grafana has made it since its data came back."""
    volume = Path(service.folder)
    for name in ("grafana.db", "grafana.db-journal"):
        (volume / name).write_text("present")

    def fails(*_arguments):
        raise ServiceError("engine: no answer.")

    with monkeypatch.context() as patch:
        patch.setattr(engine, "start", fails)
        with pytest.raises(ServiceError, match="Restoring the previous data failed too"):
            restored_data.replace(engine, service, "1")
    (volume / "grafana.db-wal").write_text("present")
    assert replaced_data.recover(engine, "grafana")
    for name in ("grafana.db", "grafana.db-journal", "grafana.db-wal"):
        assert (volume / name).read_text() == "present"


def test_what_the_next_run_needs_to_take_a_replacement_back_stays(service, engine, monkeypatch):
    def fails(*_arguments):
        raise ServiceError("engine: no answer.")

    with monkeypatch.context() as patch:
        patch.setattr(engine, "start", fails)
        with pytest.raises(ServiceError, match="Restoring the previous data failed too"):
            restored_data.replace(engine, service, "1")
    restored_data.discard(service)
    assert replaced_data.recover(engine, "grafana")
    assert state_of(service) == ["present", "present"]
    restored_data.discard(service)
    assert sorted(os.listdir(service.folder)) == ["plugins"]


def test_files_that_another_run_is_putting_in_place_are_not_removed(service):
    with apply.lock("grafana"), pytest.raises(ServiceError, match="another run is changing grafana"):
        restored_data.discard(service)
    assert os.listdir(service.delivered)
    restored_data.discard(service)
    assert not os.path.exists(service.delivered)


def test_the_data_is_on_the_disk_before_the_service_stops(service, engine, monkeypatch):
    synced, fsync, stop = [], os.fsync, engine.stop

    def noted(descriptor):
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    def stop_after_sync(name):
        assert {os.path.join(service.delivered, path) for path in ("secret_key", "plugins/a")} <= set(synced)
        stop(name)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(engine, "stop", stop_after_sync)
    restored_data.replace(engine, service, "1")
    assert state_of(service) == ["restored", "restored"]


def test_files_of_another_restore_are_not_put_in_place(service):
    path = os.path.join(service.delivered, "plugins", "a")
    entry = {"path": "plugins/a", **digests.of_file(path)}
    with pytest.raises(BackupError, match="grafana: another restore is sending secret_key"):
        restored_data.check(service, [entry])
    os.unlink(os.path.join(service.delivered, "secret_key"))
    restored_data.check(service, [entry])


def test_the_newest_version_counts_where_an_upgrade_was_interrupted_at_the_backup(service):
    containers = [{"service": "grafana", "image": f"grafana:{version}"} for version in ("13.1.0", "12.4.10")]
    images = restore_contents.images_of(Manifest("monitor1", "", ["grafana"], images=containers))
    assert images == {"grafana": ["grafana:13.1.0", "grafana:12.4.10"]}
    with pytest.raises(BackupError, match=r"grafana: version 13\.1\.0 made the data of the backup, and 12\.4\.10 is"):
        restored_service.refuse_older(service, images["grafana"])
    restored_service.refuse_older(service, ["grafana:12.4.10"])
    restored_service.refuse_older(service, [])


def test_volumes_on_one_disk_share_its_room(service, tmp_path):
    other = restored_service.Service("prometheus", str(tmp_path), service.container, service.owner)
    share = shutil.disk_usage(tmp_path).free * 6 // 10
    for name in ("grafana", "prometheus"):
        restored_service.require_room([service, other], {"grafana": 0, "prometheus": 0, name: share})
    with pytest.raises(BackupError, match="the data of grafana and prometheus beside the present data needs"):
        restored_service.require_room([service, other], {"grafana": share, "prometheus": share})
