"""Backups by ansible-playbook on this machine, whose Docker engine is a stand-in."""

from __future__ import annotations

import base64
import contextlib
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.mlops.gpu_monitoring.plugins.action.monitoring_backup import ActionModule
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import collection
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup import manifest, slices
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.errors import BackupError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.manifest import Manifest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import replaced_data, state
from ansible_collections.mlops.gpu_monitoring.plugins.modules import monitoring_backup
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.backup_contents import Contents
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.backup_targets import ControllerTarget
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_files import HostFiles
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.vault_files import VaultFiles

from tests.unit.plugins.action.engine_socket import engine
from tests.unit.plugins.action.monitoring_host import (
    BLOCK,
    KEY,
    PASSWORD,
    VOLUMES,
    backup_options,
    make_host,
    names,
    play,
    users,
    volumes,
)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="the module runs as root")


@pytest.fixture
def host(tmp_path):
    make_host(tmp_path)
    return tmp_path


@pytest.fixture
def back_up(host, tmp_path):
    """Runs the module and gives its result."""

    def run(*arguments, **options):
        (tmp_path / "engine.sock").unlink(missing_ok=True)
        with engine(tmp_path / "engine.sock", volumes(host), {"grafana": "grafana:1"}) as address:
            given = {
                **backup_options(host, address),
                "host": "monitor/1",
                "metric_file": str(tmp_path / "metrics" / "backup.prom"),
                **options,
            }
            return play(tmp_path, "mlops.gpu_monitoring.monitoring_backup", given, *arguments)

    return run


@needs_root
@pytest.mark.parametrize("location", ["controller", pytest.param("host", marks=pytest.mark.long)])
def test_a_folder_that_cannot_be_written_is_named_with_host_and_fix(back_up, tmp_path, location):
    (tmp_path / "file").write_text("")
    output = back_up(folder=str(tmp_path / "file"), location=location)
    assert (
        f"folder on monitor/1: {tmp_path}/file/monitor%2F1: Not a directory. Correct the path or its rights" in output
    )
    assert "Errno" not in output


SECRETS = [
    "configuration{etc}/prometheus/web/password.gz.vault",
    "controller/ca/ca.key.gz.vault",
    "grafana/grafana.db.gz.vault",
    "grafana/secret_key.gz.vault",
]
CLEAR = [
    "alertmanager/nflog",
    "alertmanager/silences",
    "configuration{etc}/grafana/ca.crt",
    "grafana/plugins/panel/plugin.json",
    "grafana/resources.json",
    "manifest.json",
    f"prometheus/blocks/{BLOCK}/chunks/000001",
    f"prometheus/blocks/{BLOCK}/meta.json",
]


@needs_root
@pytest.mark.parametrize("location", ["controller", "host"])
def test_a_backup_has_all_data_and_no_clear_secret_and_leaves_nothing_on_the_host(back_up, host, location):
    live = {path: path.stat() for path in (host / "volumes").rglob("*") if path.is_file()}
    result = back_up(location=location, grafana_content={"dashboards": [{"uid": "gpus"}]})
    assert isinstance(result, dict), result
    folder = Path(result["backup"])
    assert folder.parent == host / "backups" / "monitor%2F1"
    assert (result["missing"], result["removed"]) == ({}, [])
    assert names(folder) == sorted(name.format(etc=host / "etc") for name in [*CLEAR, *SECRETS])
    backup_manifest = manifest.read(str(folder))
    manifest.check(str(folder), backup_manifest)
    assert (backup_manifest.host, backup_manifest.collection, backup_manifest.services) == (
        "monitor/1",
        collection.VERSION,
        ["alertmanager", "grafana", "prometheus"],
    )
    assert [(image["service"], image["image"], image["digests"]) for image in backup_manifest.images] == [
        ("grafana", "grafana:1", ["docker.io/grafana/grafana@sha256:c132"])
    ]
    everything = b"".join((folder / name).read_bytes() for name in names(folder))
    assert not [
        secret
        for secret in (KEY, PASSWORD, "anna", "key of the authority", "password of Prometheus")
        if secret.encode() in everything
    ]
    vault = VaultFiles(PASSWORD)
    assert vault.decrypt((folder / "grafana" / "secret_key.gz.vault").read_bytes(), "key") == KEY.encode()
    (host / "grafana.db").write_bytes(
        vault.decrypt((folder / "grafana" / "grafana.db.gz.vault").read_bytes(), "database")
    )
    assert users(host / "grafana.db") == ["anna"]
    after = {path: path.stat() for path in (host / "volumes").rglob("*") if path.is_file()}
    assert set(after) == set(live)
    assert all(
        (after[path].st_mode, after[path].st_uid, after[path].st_ino) == (was.st_mode, was.st_uid, was.st_ino)
        for path, was in live.items()
    )
    # A backup on the file system of the volume takes no second copy of the blocks.
    assert {after[path].st_nlink for path in after if BLOCK in str(path)} == {2 if location == "host" else 1}
    metric = (host / "metrics" / "backup.prom").read_text()
    assert "\ngpu_monitoring_backup_last_success_timestamp_seconds 17" in metric
    assert (host / "metrics" / "backup.prom").stat().st_mode & 0o777 == 0o644
    assert {path.stat().st_mode & 0o077 for path in (host / "backups").iterdir()} == {0}


@needs_root
@pytest.mark.parametrize("location", ["controller", pytest.param("host", marks=pytest.mark.long)])
def test_without_secrets_the_database_is_named_as_missing_too(back_up, host, location):
    result = back_up(location=location, secrets="excluded", vault_password=None)
    assert isinstance(result, dict), result
    expected = [name.format(etc=host / "etc") for name in CLEAR if name != "grafana/resources.json"]
    assert names(result["backup"]) == sorted(expected)
    left_out = {name.format(etc=host / "etc").replace(".gz.vault", "") for name in SECRETS}
    assert (
        set(result["missing"]) == set(manifest.read(result["backup"]).missing) == {*left_out, "grafana/resources.json"}
    )
    assert "Not in the backup of monitor/1: " in result["warnings"][0]
    assert "grafana/grafana.db: secrets are left out" in result["warnings"][0]


@needs_root
def test_a_second_backup_reads_no_block_again_and_the_oldest_goes(back_up, host):
    first = back_up(keep=1)
    (host / "volumes" / "alertmanager" / "silences").write_text("other silences")
    second = back_up(keep=1)
    assert second["removed"] == [first["backup"]]
    assert [Path(second["backup"])] == list((host / "backups" / "monitor%2F1").iterdir())
    manifest.check(second["backup"], manifest.read(second["backup"]))


@needs_root
def test_check_mode_measures_and_writes_nothing(back_up, host):
    before = names(host)
    result = back_up("--check", secrets="excluded", vault_password=None)
    assert result["size"] > 9_000_000
    assert set(names(host)) - set(before) == {"play.json", "result.json"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"vault_password": ""},
            "vault_password: it is empty, and secrets are encrypted. Give a password, or set secrets to excluded",
        ),
        ({"keep": -1}, "keep: -1 is negative."),
        ({"folder": "backups"}, "folder: 'backups' is not an absolute path."),
        ({"location": "host", "folder": "~/backups"}, "folder: '~/backups' is not an absolute path on the host."),
        ({"controller_folder": "/srv"}, "folder: /srv/backups is within /srv, which is backed up itself."),
    ],
)
def test_wrong_input_is_refused_before_the_host_is_asked(options, message):
    given = {"host": "monitor1", "folder": "/srv/backups", "vault_password": PASSWORD, **options}
    task = SimpleNamespace(args=given, check_mode=False, async_val=0, action="monitoring_backup")
    action = ActionModule(task, SimpleNamespace(_shell=SimpleNamespace(tmpdir=None)), None, None, None, None)
    with pytest.raises(AnsibleActionFail) as raised:
        action.run(task_vars={})
    assert message in str(raised.value)


@needs_root
def test_a_volume_that_is_missing_is_refused_before_anything_is_written(back_up, host):
    before = names(host)
    output = back_up(prometheus_volume="none-such")
    assert "prometheus_volume: there is no volume none-such. Deploy prometheus" in output
    assert set(names(host)) - set(before) == {"play.json"}


@needs_root
def test_a_damaged_database_fails_the_backup_and_leaves_nothing(back_up, host):
    complete_backup = back_up(keep=1)
    before = names(host / "volumes")
    (host / "volumes" / "grafana" / "grafana.db").write_text("no database" * 1000)
    output = back_up(keep=1)
    assert "grafana.db cannot be copied: file is not a database" in output
    assert list((host / "backups" / "monitor%2F1").iterdir()) == [Path(complete_backup["backup"])]
    assert names(host / "volumes") == before


@needs_root
@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("volumes/grafana/grafana.db", "grafana_volume: there is no grafana.db in "),
        ("etc/grafana/secret_key", "grafana_secret_key_file: there is no file "),
    ],
)
def test_a_grafana_without_database_or_key_replaces_no_backup(back_up, host, path, message):
    (host / path).unlink()
    assert message in back_up(keep=1)
    assert not (host / "backups").exists()


def test_a_key_of_the_controller_that_is_a_link_is_backed_up(tmp_path):
    (tmp_path / "safe").write_text("key of the authority")
    (tmp_path / "secrets" / "ca").mkdir(parents=True)
    (tmp_path / "secrets" / "ca" / "ca.key").symlink_to(tmp_path / "safe")
    (tmp_path / "secrets" / "verify.json").write_text("{}")
    target = ControllerTarget(str(tmp_path / "backup"), files_of(Host()))
    contents = Contents(target, files_of(Host()), PASSWORD)
    contents.add_controller(str(tmp_path / "secrets"), True)
    stored = "controller/ca/ca.key.gz.vault"
    assert list(contents.files) == [stored]
    assert VaultFiles(PASSWORD).decrypt((tmp_path / "backup" / stored).read_bytes(), stored) == b"key of the authority"


def test_a_host_whose_restore_was_interrupted_is_not_backed_up(tmp_path, monkeypatch):
    monkeypatch.setattr(state, "FOLDER", str(tmp_path))
    state.save("prometheus", replaced_data.KIND, {})
    with pytest.raises(BackupError, match="prometheus_volume: a restore of prometheus is at work or was interrupted"):
        monitoring_backup._measure(VOLUMES)


class Host:
    """This machine as a host whose user is not root. Answers that the connection would print are noted."""

    def __init__(self):
        self._play_context = SimpleNamespace(no_log=False)
        self.printed = []

    def run(self, command, in_data=None, sudoable=True):
        if not sudoable:
            return {"rc": 0, "stdout": "1000\n", "stderr": ""}
        done = subprocess.run(command, shell=True, input=in_data, capture_output=True, check=False)
        if not self._play_context.no_log:
            self.printed.append(done.stdout)
        return {"rc": done.returncode, "stdout": done.stdout.decode(), "stderr": done.stderr.decode()}


def files_of(host, kind=HostFiles):
    return kind(host.run, sys.executable, host)


def test_files_of_a_host_are_read_and_written_in_slices(tmp_path, monkeypatch):
    monkeypatch.setattr(slices, "BYTES", 1000)
    content = bytes(range(256)) * 20
    host = Host()
    files, path = files_of(host), str(tmp_path / "a folder" / "file's name")
    files.write(path, [content[:1500], content[1500:]])
    assert Path(path).read_bytes() == b"".join(files.read(path, len(content))) == content
    files.fetch(path, len(content), str(tmp_path / "fetched"))
    files.put(str(tmp_path / "fetched"), str(tmp_path / "new" / "put"))
    files.write(str(tmp_path / "new" / "empty"), [])
    assert [(tmp_path / name).read_bytes() for name in ("fetched", "new/put", "new/empty")] == [content, content, b""]
    for written in (path, tmp_path / "fetched", tmp_path / "new" / "put", tmp_path / "new" / "empty"):
        assert Path(written).stat().st_mode & 0o777 == 0o600
    with pytest.raises(AnsibleActionFail, match=r"cannot be read from the host\. "):
        list(files.read(path, len(content) + 1))
    Path(path).unlink()
    with pytest.raises(AnsibleActionFail, match=r"No such file or directory: .*file's name"):
        list(files.read(path, 1))
    assert (host.printed, host._play_context.no_log) == ([], False)


def test_what_was_read_of_a_secret_is_not_in_an_error(tmp_path):
    class Cut(Host):
        def run(self, command, in_data=None, sudoable=True):
            return {**super().run(command, in_data, sudoable), "rc": 0 if not sudoable else 137}

    (tmp_path / "secret_key").write_text(KEY)
    with pytest.raises(AnsibleActionFail, match=r"secret_key cannot be read from the host\. ") as raised:
        list(files_of(Cut()).read(str(tmp_path / "secret_key"), len(KEY)))
    assert base64.b64encode(KEY.encode()).decode() not in str(raised.value)


@contextlib.contextmanager
def file_system(folder, size):
    """A file system of its own with so many bytes."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("no file system can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@needs_root
def test_what_a_killed_run_left_takes_no_room_from_the_next_backup(back_up, tmp_path):
    with file_system(tmp_path / "disk", 24 << 20) as disk:
        left = disk / "monitor%2F1" / "20261129T100000Z"
        left.mkdir(parents=True)
        manifest.write(str(left), Manifest("monitor/1", "2026-11-29T10:00:00Z", []))
        (left / "half").write_bytes(b"x" * (16 << 20))
        result = back_up(folder=str(disk))
        assert isinstance(result, dict), result
        assert list((disk / "monitor%2F1").iterdir()) == [Path(result["backup"])]


@needs_root
def test_a_disk_of_the_controller_that_fills_fails_the_backup_and_keeps_the_earlier_one(tmp_path):
    with file_system(tmp_path / "disk", 4 << 20) as disk:
        source = tmp_path / "index"
        source.write_bytes(b"x" * 3_000_000)
        staged = [{"name": "index", "path": str(source), "size": 3_000_000, "sha256": "", "secret": False}]

        class Filling(HostFiles):
            def fetch(self, path, size, target):
                (disk / "of-others").write_bytes(b"y" * 2_000_000)
                super().fetch(path, size, target)

        earlier, begun = str(disk / "monitor1" / "earlier"), Manifest("monitor1", "2026-11-29T10:00:00Z", [])
        target = ControllerTarget(earlier, files_of(Host()))
        target.begin(begun)
        target.finish(begun, 1)
        target = ControllerTarget(str(disk / "monitor1" / "new"), files_of(Host(), Filling))
        target.begin(Manifest("monitor1", "2026-11-29T11:00:00Z", []))
        with pytest.raises(OSError, match="No space left on device"):
            target.add_staged(staged)
        target.discard("monitor1")
        assert os.listdir(disk / "monitor1") == ["earlier"]
        manifest.check(earlier, manifest.read(earlier))


def test_two_runs_at_once_into_one_folder_are_refused(tmp_path):
    first, second = (ControllerTarget(str(tmp_path / "monitor1" / name), files_of(Host())) for name in "ab")
    with (
        first.locked(),
        pytest.raises(AnsibleActionFail, match="another run is making a backup there"),
        second.locked(),
    ):
        pass


def test_a_wrong_password_and_a_damaged_file_are_reported():
    encrypted = VaultFiles(PASSWORD).encrypt(b"secret")
    assert encrypted.startswith(b"$ANSIBLE_VAULT;1.1;AES256")
    for vault, content in ((VaultFiles("another"), encrypted), (VaultFiles(PASSWORD), encrypted[:-20])):
        with pytest.raises(BackupError, match="key cannot be decrypted. Give the password"):
            vault.decrypt(content, "key")
