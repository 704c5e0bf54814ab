"""Restores by ansible-playbook on this machine, whose Docker engine is a stand-in."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup import staging

from tests.unit.plugins.action.engine_socket import engine
from tests.unit.plugins.action.monitoring_host import (
    BLOCK,
    KEY,
    PASSWORD,
    SERVICES,
    VOLUMES,
    backup_options,
    make_database,
    make_host,
    names,
    play,
    users,
    volumes,
    write,
)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the module runs as root")
IMAGES = {"grafana": "grafana:12.4.10", "prometheus": "prometheus:v3.5.3", "alertmanager": "alertmanager:v0.35.0"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A backup, made once for all tests."""
    folder = tmp_path_factory.mktemp("backed_up")
    make_host(folder)
    with engine(folder / "engine.sock", volumes(folder), IMAGES) as address:
        result = play(folder, "mlops.gpu_monitoring.monitoring_backup", backup_options(folder, address))
    assert isinstance(result, dict), result
    return Path(result["backup"])


@pytest.fixture
def backup(made, tmp_path):
    """A copy of the backup, for tests that break it."""
    return Path(shutil.copytree(made, tmp_path / "backups" / made.name))


@pytest.fixture
def host(tmp_path):
    """A host with other data than that of the backup."""
    folder = tmp_path / "host"
    for name in SERVICES:
        (folder / "volumes" / name).mkdir(parents=True)
    make_database(folder / "volumes" / "grafana" / "grafana.db", "berta")
    write(folder / "volumes" / "grafana" / "grafana.db-wal", "")
    write(folder / "volumes" / "grafana" / "of-the-site.txt", "stays")
    write(folder / "volumes" / "prometheus" / "01JDQ0000000000000000000AA" / "meta.json", "{}")
    write(folder / "volumes" / "prometheus" / "wal" / "00000009", "samples of this host")
    write(folder / "volumes" / "alertmanager" / "silences", "silences of this host")
    write(folder / "etc" / "secret_key", "another key", 0o400)
    write(folder / "controller" / "ca" / "ca.key", "another authority", 0o600)
    return folder


@pytest.fixture
def restore(host, backup, tmp_path):
    """Runs the module; its result, and the starts and stops of containers."""

    def run(*arguments, images=None, on_stop=None, mounts=None, folders=None, **options):
        calls = []
        (tmp_path / "engine.sock").unlink(missing_ok=True)
        seen = {**volumes(host), **(folders or {})}
        with engine(tmp_path / "engine.sock", seen, images or IMAGES, calls, on_stop, mounts) as address:
            given = {
                "backup": str(backup),
                "host": "monitor1",
                "vault_password": PASSWORD,
                "grafana_secret_key_file": str(host / "etc" / "secret_key"),
                "docker_host": address,
                **VOLUMES,
                **options,
            }
            return play(tmp_path, "mlops.gpu_monitoring.monitoring_restore", given, *arguments), calls

    return run


def contents(folder):
    return {path: (Path(folder) / path).read_bytes() for path in names(folder)}


@pytest.mark.parametrize("location", ["controller", pytest.param("host", marks=pytest.mark.long)])
def test_all_services_get_the_data_of_the_backup_and_keep_their_own_beside(restore, host, location):
    result, calls = restore(location=location)
    assert isinstance(result, dict), result
    grafana, prometheus, alertmanager = (host / "volumes" / name for name in SERVICES)
    assert users(grafana / "grafana.db") == ["anna"]
    assert (host / "etc" / "secret_key").read_text() == KEY
    assert (host / "etc" / "secret_key").stat().st_mode & 0o777 == 0o400
    kept = {name: Path(folder) for name, folder in result["kept"].items()}
    assert {name: folder.parent for name, folder in kept.items()} == {
        name: host / "volumes" / name for name in SERVICES
    }
    assert users(kept["grafana"] / "grafana.db") == ["berta"]
    assert names(kept["grafana"]) == ["grafana.db", "grafana.db-wal", "secret_key"]
    assert (kept["grafana"] / "secret_key").read_text() == "another key"
    assert kept["grafana"].stat().st_mode & 0o777 == 0o700
    here = [name for name in names(grafana) if not name.startswith(kept["grafana"].name)]
    assert here == ["grafana.db", "of-the-site.txt", "plugins/panel/plugin.json"]
    assert names(kept["prometheus"]) == ["01JDQ0000000000000000000AA/meta.json", "wal/00000009"]
    assert sorted(path.name for path in prometheus.iterdir()) == [kept["prometheus"].name, BLOCK]
    assert (prometheus / BLOCK / "chunks" / "000001").read_text() == "samples" * 1_300_000
    files = (grafana / "grafana.db", grafana / "plugins" / "panel" / "plugin.json", prometheus / BLOCK / "meta.json")
    assert [path.stat().st_mode & 0o777 for path in files] == [0o640, 0o755, 0o644]
    assert ((alertmanager / "silences").read_text(), (alertmanager / "nflog").read_text()) == ("silences", "")
    assert calls == [(action, name) for name in SERVICES for action in ("stop", "start")]
    assert names(host / "etc") == ["secret_key"]


def test_one_service_is_restored_alone(restore, host):
    before = contents(host)
    result, calls = restore(services=["alertmanager"], vault_password=None)
    assert isinstance(result, dict), result
    assert calls == [("stop", "alertmanager"), ("start", "alertmanager")]
    changed = {path for path in {**before, **contents(host)} if before.get(path) != contents(host).get(path)}
    assert all(path.startswith("volumes/alertmanager/") for path in changed)


def test_a_journal_that_sqlite_removes_at_the_stop_is_no_fault(restore, host):
    folder = host / "volumes" / "grafana"
    result, _calls = restore(services=["grafana"], on_stop=lambda _name: (folder / "grafana.db-wal").unlink())
    assert isinstance(result, dict), result
    assert users(folder / "grafana.db") == ["anna"]
    assert names(result["kept"]["grafana"]) == ["grafana.db", "secret_key"]


def test_check_mode_checks_and_changes_nothing(restore, host):
    before = contents(host)
    result, calls = restore("--check")
    assert (result["changed"], calls, contents(host)) == (True, [], before)


def _half(backup):
    path = backup / "manifest.json"
    path.write_text(path.read_text().replace('"complete": true', '"complete": false'))


def _flip(backup):
    path = backup / "prometheus" / "blocks" / BLOCK / "chunks" / "000001"
    content = bytearray(path.read_bytes())
    content[5_000_000] ^= 1
    path.write_bytes(content)


def _without_database(backup):
    path = backup / "manifest.json"
    content = json.loads(path.read_text())
    (backup / "grafana" / "grafana.db.gz.vault").unlink()
    del content["files"]["grafana/grafana.db.gz.vault"]
    content["missing"] = {"grafana/grafana.db": staging.EXCLUDED}
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        pytest.param(
            lambda backup: (backup / "manifest.json").unlink(),
            {},
            "is not a backup: there is no manifest.json",
            marks=pytest.mark.long,
        ),
        pytest.param(
            lambda backup: (backup / "manifest.json").write_text("{"),
            {},
            "manifest.json cannot be read: it is not JSON. Use another backup. Origin:",
            marks=pytest.mark.long,
        ),
        (_half, {}, "is half a backup: the run that made it did not end"),
        (_flip, {}, "chunks/000001 is damaged: it has 9100000 bytes with the SHA-256 "),
        pytest.param(
            lambda backup: (backup / "alertmanager" / "silences").unlink(),
            {},
            "alertmanager/silences cannot be read: No such file",
            marks=pytest.mark.long,
        ),
        (_without_database, {}, "grafana/grafana.db is not in the backup: secrets are left out"),
        (None, {"host": "monitor2"}, "is a backup of monitor1, and not of monitor2"),
        (None, {"vault_password": "wrong"}, "grafana.db.gz.vault cannot be decrypted. Give the password"),
        pytest.param(
            None,
            {"vault_password": None},
            "vault_password: it is empty, and grafana/grafana.db is encrypted",
            marks=pytest.mark.long,
        ),
        (
            None,
            {"images": {**IMAGES, "grafana": "grafana:12.3.1"}},
            "grafana: version 12.4.10 made the data of the backup, and 12.3.1 is deployed",
        ),
        (None, {"images": {"grafana": "grafana:12.4.10"}}, "prometheus is not deployed on this host"),
        (None, {"mounts": {"grafana": "old"}}, "container grafana does not use the volume grafana-data. Run the "),
        (
            None,
            {"images": {**IMAGES, "thanos": "thanos:1"}, "mounts": {"thanos": "prometheus-data"}},
            "prometheus_volume: the container thanos uses the volume prometheus-data too. Stop thanos first",
        ),
        pytest.param(
            None,
            {"folders": {"grafana-data": ""}},
            "the host does not see the folder of the volume grafana-data, ''",
            marks=pytest.mark.long,
        ),
        pytest.param(None, {"backup": "backups"}, "backup: 'backups' is not an absolute path", marks=pytest.mark.long),
        pytest.param(
            None,
            {"backup": "/nowhere"},
            "/nowhere is not a backup: there is no manifest.json. Name the folder that has this file.",
            marks=pytest.mark.long,
        ),
        pytest.param(
            None,
            {"backup": "/nowhere", "location": "host"},
            "/nowhere is not a backup: there is no manifest.json. Name the",
            marks=pytest.mark.long,
        ),
        pytest.param(
            None,
            {"backup": __file__},
            f"{__file__}/manifest.json cannot be read: Not a directory. Use another backup. Origin",
            marks=pytest.mark.long,
        ),
    ],
    ids=[
        "wrong folder",
        "damaged manifest",
        "half",
        "broken",
        "cut",
        "no database",
        "another host",
        "wrong password",
        "no password",
        "older",
        "not deployed",
        "another volume",
        "volume of others",
        "no folder",
        "relative",
        "missing",
        "missing on the host",
        "file",
    ],
)
def test_what_cannot_be_restored_is_refused_before_anything_stops(restore, host, backup, change, options, message):
    if change:
        change(backup)
    before = contents(host)
    output, calls = restore(**options)
    assert isinstance(output, str), "the restore did not fail"
    assert message in output
    assert (calls, contents(host)) == ([], before)


@pytest.mark.parametrize("location", ["controller", pytest.param("host", marks=pytest.mark.long)])
def test_the_files_of_the_controller_are_restored_and_no_container_is_touched(restore, host, location):
    before = contents(host / "volumes")
    result, calls = restore(location=location, controller_folder=str(host / "controller"))
    assert isinstance(result, dict), result
    assert result["written"] == [str(host / "controller" / "ca" / "ca.key")]
    assert (host / "controller" / "ca" / "ca.key").read_text() == "key of the authority"
    [kept] = (host / "controller" / "ca").glob("ca.key.before_restore.*")
    assert kept.read_text() == "another authority"
    assert (calls, contents(host / "volumes")) == ([], before)
    again, _calls = restore(location=location, controller_folder=str(host / "controller"))
    assert (again["changed"], again["written"]) == (False, [])
