"""Folders of this machine as those of a monitoring host, and plays over them."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
PASSWORD = "a password of the test"
BLOCK = "01JDQ3V8T4N5ZC6W7X8Y9ZABCD"
KEY = "the secret key of Grafana"
SERVICES = ("grafana", "prometheus", "alertmanager")
VOLUMES = {f"{name}_volume": f"{name}-data" for name in SERVICES}


def write(path, content, mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    path.chmod(mode)


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())


def users(path):
    """The users in a database of Grafana."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        return [row[0] for row in database.execute("SELECT login FROM user")]


def make_database(path, user):
    path.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE user (login TEXT)")
        database.execute("INSERT INTO user VALUES (?)", (user,))
        database.commit()


def make_host(folder):
    grafana, prometheus, alertmanager = (folder / "volumes" / name for name in SERVICES)
    grafana.mkdir(parents=True)
    make_database(grafana / "grafana.db", "anna")
    write(grafana / "plugins" / "panel" / "plugin.json", "{}")
    write(prometheus / BLOCK / "meta.json", "{}", 0o640)
    write(prometheus / BLOCK / "chunks" / "000001", "samples" * 1_300_000)
    write(prometheus / "wal" / "00000001", "newest samples")
    write(alertmanager / "nflog", "")
    write(alertmanager / "silences", "silences")
    etc = folder / "etc"
    write(etc / "grafana" / "secret_key", KEY, 0o400)
    write(etc / "grafana" / "ca.crt", "certificate")
    write(etc / "prometheus" / "web" / "password", "a password of Prometheus", 0o440)
    write(etc / "textfile" / "container_gpu.prom", "metric 1")
    write(folder / "controller" / "ca" / "ca.key", "key of the authority", 0o600)


def volumes(folder):
    return {f"{name}-data": folder / "volumes" / name for name in SERVICES}


def backup_options(folder, address):
    """Options of monitoring_backup for a host in a folder, with the address of its engine."""
    return {
        "host": "monitor1",
        "folder": str(folder / "backups"),
        "vault_password": PASSWORD,
        "grafana_secret_key_file": str(folder / "etc" / "grafana" / "secret_key"),
        "configuration_folders": [str(folder / "etc")],
        "controller_folder": str(folder / "controller"),
        "docker_host": address,
        **VOLUMES,
    }


def play(folder, module, options, *arguments):
    """Runs a module by ansible-playbook over a local connection; its result, or the output if it failed."""
    (folder / "result.json").unlink(missing_ok=True)
    task = {module: options, "register": "made"}
    shown = {
        "ansible.builtin.copy": {"content": "{{ made | to_json }}", "dest": str(folder / "result.json")},
        "check_mode": False,
    }
    done = run_tasks(folder, [task, shown], *arguments)
    if done.returncode != 0:
        return " ".join((done.stdout + done.stderr).split())
    return json.loads((folder / "result.json").read_text())


def run_tasks(folder, tasks, *arguments):
    """Runs tasks by ansible-playbook over a local connection."""
    plays = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}]
    (folder / "play.json").write_text(json.dumps(plays))
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache" / "collections"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_FORCE_COLOR": "0",
    }
    command = [Path(sys.executable).with_name("ansible-playbook"), folder / "play.json", *arguments]
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
