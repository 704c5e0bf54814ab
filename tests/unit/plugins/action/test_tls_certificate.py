"""The action tls_certificate: what it makes, keeps and refuses in a folder of the controller."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from ansible.errors import AnsibleActionFail
from ansible.parsing.dataloader import DataLoader
from ansible_collections.mlops.gpu_monitoring.plugins.action.tls_certificate import ActionModule
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import certificates
from cryptography.hazmat.primitives import serialization

from tests.conftest import COLLECTIONS


def act(check=False, diff=False, host="gpu1", playbook_dir=".", **options):
    task = SimpleNamespace(
        args=options, check_mode=check, diff=diff, async_val=0, action="mlops.gpu_monitoring.tls_certificate"
    )
    connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir=None))
    loader = DataLoader()
    loader.set_basedir(playbook_dir)
    return ActionModule(task, connection, None, loader, None, None).run(task_vars={"inventory_hostname": host})


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "private" / "ca"


@pytest.fixture
def run(folder):
    return lambda **options: act(**{"folder": str(folder), **options})


def content(folder):
    """Path, mode and bytes of everything below the folder."""
    return {
        str(path): (path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in sorted(folder.rglob("*"))
    }


def pair(result):
    return certificates.loaded(result["certificate"].encode(), result["private_key"].encode())


def values(result):
    return [str(name.value) for name in certificates.names_of(pair(result).certificate)]


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_made_once_and_kept(run, folder):
    made = run(alternative_names=["192.0.2.11", "gpu1.example.org"])
    assert made["changed"]
    assert values(made) == ["gpu1", "192.0.2.11", "gpu1.example.org"]
    assert made["certificate"] == (folder / "hosts" / "gpu1.crt").read_text()
    assert made["private_key"] == (folder / "hosts" / "gpu1.key").read_text()
    assert made["ca"] == (folder / "ca.crt").read_text()
    end = datetime.strptime(made["not_after"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    assert abs(end - datetime.now(timezone.utc) - timedelta(days=365)) < timedelta(minutes=1)
    before = content(folder)
    assert run(alternative_names=["gpu1.example.org", "192.0.2.11", "GPU1"]) == {**made, "changed": False}
    assert content(folder) == before


def test_modes_do_not_depend_on_the_umask(run, folder):
    umask = os.umask(0)
    try:
        run()
    finally:
        os.umask(umask)
    assert [mode(path) for path in (folder, folder / "hosts")] == [0o700] * 2
    assert [mode(folder / name) for name in ("ca.key", "hosts/gpu1.key", "lock")] == [0o600] * 3
    assert [mode(folder / name) for name in ("ca.crt", "hosts/gpu1.crt")] == [0o644] * 2


def test_a_name_of_its_own_and_a_folder_beside_the_playbook(tmp_path):
    assert values(act(playbook_dir=str(tmp_path), folder="ca", name="2001:DB8::1")) == ["2001:db8::1"]
    assert (tmp_path / "ca" / "hosts" / "2001:db8::1.crt").exists()


def test_the_folder_is_in_the_home_by_default(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    act()
    assert (tmp_path / ".config" / "gpu_monitoring" / "ca" / "hosts" / "gpu1.crt").exists()


@pytest.mark.parametrize("options", [{"alternative_names": ["192.0.2.12"]}, {"renew_days": 39, "valid_days": 41}])
def test_made_again_with_another_key(run, options):
    made = run(valid_days=39)
    renewed = run(**options)
    assert renewed["changed"]
    assert renewed["ca"] == made["ca"]
    assert renewed["private_key"] != made["private_key"]
    assert not run(**options)["changed"]


@pytest.mark.parametrize("suffix", ["crt", "key"])
def test_a_run_that_was_killed_between_certificate_and_key(run, folder, suffix):
    run()
    (folder / "hosts" / f"gpu1.{suffix}").unlink()
    (folder / "hosts" / f"gpu1.{suffix}.new").write_text("cut off")
    made = run()
    assert made["changed"]
    assert not run()["changed"]
    assert not list(folder.rglob("*.new"))


def test_a_key_of_another_certificate(run, folder):
    run(host="gpu2")
    run()
    os.replace(folder / "hosts" / "gpu2.key", folder / "hosts" / "gpu1.key")
    made = run()
    assert made["changed"]
    assert pair(made).key.public_key() == pair(made).certificate.public_key()


def test_a_ca_near_its_end_is_renewed_and_its_hosts_are_kept(run, folder):
    made = run(valid_days=300, ca_valid_days=365)
    key = (folder / "ca.key").read_bytes()
    renewed = run(valid_days=365)
    assert renewed["changed"]
    assert renewed["ca"] != made["ca"]
    assert (folder / "ca.key").read_bytes() == key
    assert renewed["certificate"] == made["certificate"]
    assert not run(valid_days=365)["changed"]


def test_a_ca_that_was_lost_is_made_again_and_so_are_its_hosts(run, folder):
    made = run()
    for suffix in ("crt", "key"):
        (folder / f"ca.{suffix}").unlink()
    again = run()
    assert again["ca"] != made["ca"]
    assert again["certificate"] != made["certificate"]
    assert not run()["changed"]


def test_hosts_at_the_same_time_share_one_ca(run, folder):
    fork = multiprocessing.get_context("fork")
    hosts = [f"gpu{number}" for number in range(8)]
    with ProcessPoolExecutor(len(hosts), fork, initializer=fork.Barrier(len(hosts)).wait) as processes:
        made = [processes.submit(act, folder=str(folder), host=host) for host in hosts]
    assert {certificate.result()["ca"] for certificate in made} == {(folder / "ca.crt").read_text()}
    assert not any(run(host=host)["changed"] for host in hosts)


def test_check_mode_makes_it_in_memory(run, folder):
    made = run(check=True)
    assert made["changed"]
    assert values(made) == ["gpu1"]
    assert pair(made).key.public_key() == pair(made).certificate.public_key()
    assert not folder.parent.exists()
    real = run()
    before = content(folder)
    assert run(check=True) == {**real, "changed": False}
    assert run(check=True, alternative_names=["192.0.2.1"])["changed"]
    assert content(folder) == before


def test_a_diff_shows_names_end_and_serial_and_no_key(run, capsys):
    old = run(alternative_names=["192.0.2.1"])
    capsys.readouterr()
    new = run(alternative_names=["192.0.2.2"], diff=True)
    shown = capsys.readouterr().out
    for sign, result, names in (("-", old, "gpu1, 192.0.2.1"), ("+", new, "gpu1, 192.0.2.2")):
        assert f"{sign}names: {names}\n" in shown
        assert f"{sign}serial: {pair(result).certificate.serial_number:x}\n" in shown
    assert new["not_after"] in shown
    assert "\n CA: CN=gpu_monitoring CA " in shown
    assert not any(line in shown for line in new["private_key"].splitlines())
    assert not run(alternative_names=["192.0.2.2"], diff=True)["changed"]
    assert capsys.readouterr().out == ""


def damaged(folder, name):
    (folder / name).write_bytes((folder / name).read_bytes()[:-60])


def with_passphrase(folder):
    key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), None)
    encryption = serialization.BestAvailableEncryption(b"word")
    (folder / "ca.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    )


def linked(path):
    path.rename(path.parent.parent / "elsewhere")
    path.symlink_to(path.parent.parent / "elsewhere")


REFUSED = {
    "no key of the CA": (lambda folder: (folder / "ca.key").unlink(), ["{}/ca.crt exists without its key", "backup"]),
    "no certificate of the CA": (
        lambda folder: (folder / "ca.crt").unlink(),
        ["{}/ca.key exists without its certificate", "backup"],
    ),
    "a damaged certificate of the CA": (
        lambda folder: damaged(folder, "ca.crt"),
        ["{}/ca.crt and {}/ca.key", "certificate is damaged", "backup"],
    ),
    "a damaged key of the CA": (
        lambda folder: damaged(folder, "ca.key"),
        ["{}/ca.crt and {}/ca.key", "key is damaged", "backup"],
    ),
    "a damaged key of the host": (
        lambda folder: damaged(folder, "hosts/gpu1.key"),
        ["{}/hosts/gpu1.key", "key is damaged", "move both away"],
    ),
    "a passphrase": (with_passphrase, ["{}/ca.key", "has a passphrase"]),
    "a key of another CA": (
        lambda folder: os.replace(folder / "hosts/gpu1.key", folder / "ca.key"),
        ["{}/ca.crt was not signed with {}/ca.key"],
    ),
    "a link instead of the folder": (linked, ["{} is a link", "Put the folder itself there"]),
    "a link instead of hosts": (
        lambda folder: linked(folder / "hosts"),
        ["{}/hosts is a link", "Put the folder itself there"],
    ),
    "a link instead of the key": (
        lambda folder: linked(folder / "ca.key"),
        ["{}/ca.key is a link", "Put the file itself there"],
    ),
    "a folder that the group can write to": (
        lambda folder: folder.chmod(0o770),
        ["{} has the mode 0770", "chmod go-w {}"],
    ),
    "hosts that all can write to": (
        lambda folder: (folder / "hosts").chmod(0o707),
        ["{}/hosts has the mode 0707", "chmod go-w {}/hosts"],
    ),
    "a certificate that all can write to": (
        lambda folder: (folder / "ca.crt").chmod(0o646),
        ["{}/ca.crt has the mode 0646", "chmod go-w {}/ca.crt"],
    ),
    "a key that the group can read": (
        lambda folder: (folder / "ca.key").chmod(0o640),
        ["{}/ca.key has the mode 0640", "chmod go-rwx {}/ca.key"],
    ),
}


@pytest.mark.parametrize(("change", "words"), REFUSED.values(), ids=REFUSED)
def test_files_that_cannot_be_meant_are_refused_and_stay(run, folder, change, words):
    run()
    change(folder)
    before = content(folder.parent)
    for options in ({}, {"alternative_names": ["192.0.2.1"]}, {"check": True}):
        with pytest.raises(AnsibleActionFail, match="^folder: ") as refused:
            run(**options)
        for word in words:
            assert word.replace("{}", str(folder)) in str(refused.value)
    assert content(folder.parent) == before


def test_a_file_instead_of_a_folder(run, folder):
    folder.parent.write_text("")
    with pytest.raises(AnsibleActionFail, match=r"^folder: .*/ca: Not a directory\. Give a folder"):
        run()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": ""}, "name: '' is neither"),
        ({"name": "../gpu1"}, "name: '../gpu1' is neither"),
        ({"host": "gpu 1"}, "name: 'gpu 1' is neither"),
        (
            {"alternative_names": ["gpu1", "https://gpu1"]},
            "alternative_names: 'https://gpu1' is neither .* Write it like",
        ),
        ({"valid_days": 0}, "valid_days: 0 is out of range"),
        ({"valid_days": 3650}, "valid_days: 3650 is out of range.*less than ca_valid_days, which is 3650"),
        ({"renew_days": -1}, "renew_days: -1 is out of range"),
        ({"valid_days": 30, "renew_days": 30}, "renew_days: 30 is out of range.*less than valid_days, which is 30"),
        ({"days": 30}, "Unsupported parameters"),
    ],
)
def test_options_that_cannot_be_meant(run, folder, options, words):
    with pytest.raises(AnsibleActionFail, match=words):
        run(**options)
    assert not folder.exists()


def test_a_controller_without_cryptography(run, folder, monkeypatch):
    monkeypatch.setattr(certificates, "MISSING", ImportError("No module named 'cryptography'"))
    with pytest.raises(AnsibleActionFail, match="no Python package cryptography. Install it beside Ansible"):
        run()
    assert not folder.exists()


PLAY = """
- hosts: gpu1
  gather_facts: false
  tasks:
    - name: Have a certificate
      mlops.gpu_monitoring.tls_certificate:
        folder: ca
      register: made
    - name: Have one for each of these names
      mlops.gpu_monitoring.tls_certificate:
        folder: ca
        name: "{{ item }}"
      loop: [gpu2, gpu3]
    - name: Write the key
      ansible.builtin.copy:
        content: "{{ made.private_key }}"
        dest: "{{ playbook_dir }}/written.key"
        mode: "0600"
      delegate_to: localhost
      no_log: true
"""


def test_ansible_shows_no_key_and_later_tasks_have_it(tmp_path):
    (tmp_path / "play.yml").write_text(PLAY)
    # Nothing is asked of the host, which therefore need not be there.
    (tmp_path / "hosts.json").write_text(
        json.dumps({"all": {"hosts": {"gpu1": {"ansible_host": "no-such-host.invalid"}}}})
    )
    own = {
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_HOME": str(tmp_path / "home"),
        "ANSIBLE_LOG_PATH": str(tmp_path / "log"),
    }
    command = [sys.executable, "-m", "ansible", "playbook", "-i", "hosts.json", "--diff", "-vvvv", "play.yml"]
    ran = subprocess.run(command, cwd=tmp_path, env={**os.environ, **own}, capture_output=True, text=True, check=False)
    shown = ran.stdout + ran.stderr + (tmp_path / "log").read_text()
    assert ran.returncode == 0, ran.stdout
    assert (tmp_path / "written.key").read_text() == (tmp_path / "ca" / "hosts" / "gpu1.key").read_text()
    assert "+names: gpu1\n" in shown
    keys = [*tmp_path.glob("ca/**/*.key")]
    assert len(keys) == 4
    for key in keys:
        assert not any(line in shown for line in key.read_text().splitlines())
