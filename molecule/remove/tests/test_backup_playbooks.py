"""A backup, the loss of all data, and a restore onto the host that was deployed again."""

from __future__ import annotations

import base64
import json
import textwrap

import pytest

from tests.stack import ROOT, on, run_playbook, wait_until

pytestmark = pytest.mark.long
PASSWORD = "a password of the test"
# Ansible repeats its command line, so the password is not in it.
GIVEN = {"backup_vault_password": "{{ lookup('ansible.builtin.env', 'BACKUP_PASSWORD') }}"}
ENVIRONMENT = {"BACKUP_PASSWORD": PASSWORD}
VOLUMES = "/var/lib/docker/volumes"
DATABASE = f"{VOLUMES}/grafana-storage/_data/grafana.db"
SECRET_KEY = "/etc/gpu_monitoring/grafana/secret_key"
# The stand-in for Grafana has no SQLite database, so the test lays one into the volume.
MAKE_DATABASE = """
    import os, sqlite3
    database = sqlite3.connect("{path}")
    database.execute("CREATE TABLE IF NOT EXISTS dashboard (uid TEXT)")
    database.execute("INSERT INTO dashboard VALUES ('of-a-user')")
    database.commit()
    os.chown("{path}", 472, 0)
"""
# An hour of samples, three days ago.
MAKE_SAMPLES = """
    import time
    begin = int(time.time()) // 7200 * 7200 - 3 * 86400
    print("# TYPE old_samples gauge")
    for second in range(begin, begin + 3600, 60):
        print("old_samples", 1, second)
    print("# EOF")
"""


def python(program: str, output: str = "/dev/stdout") -> str:
    return f"python3 - > {output} <<'END'\n{textwrap.dedent(program)}\nEND"


@pytest.fixture
def deployed(site):
    run = site()
    assert run.code == 0, run.output


@pytest.fixture
def backups(tmp_path):
    return tmp_path / "backups"


def test_data_comes_back_onto_a_host_that_lost_all(deployed, backups, site, prometheus, alertmanager):
    on("monitor1", python(MAKE_DATABASE.format(path=DATABASE)))
    data = f"{VOLUMES}/prometheus-data/_data"
    on("monitor1", python(MAKE_SAMPLES, f"{data}/samples.txt"))
    promtool = "docker exec -e TMPDIR=/prometheus prometheus promtool tsdb create-blocks-from openmetrics"
    on("monitor1", f"{promtool} /prometheus/samples.txt /prometheus && rm {data}/samples.txt")
    assert run_playbook(ROOT / "playbooks" / "silence.yml", variables={"silence_hosts": "gpu1"}).code == 0
    # Alertmanager writes silences within a minute.
    silences = f"{VOLUMES}/alertmanager-data/_data/silences"
    wait_until(lambda: on("monitor1", f"test -s {silences} && echo written"), "the silence on the disk", 90)
    key = on("monitor1", f"sha256sum {SECRET_KEY}")

    variables = {"backup_dir": str(backups), **GIVEN}
    run = run_playbook(ROOT / "playbooks" / "backup.yml", "-vvvv", variables=variables, environment=ENVIRONMENT)
    assert run.code == 0, run.output
    assert "Not in the backup" not in run.output
    secret = on("monitor1", f"cat {SECRET_KEY}").strip()
    for printed in (secret, base64.b64encode(secret.encode()).decode(), PASSWORD):
        assert printed not in run.output
    [backup] = (backups / "monitor1").iterdir()
    assert json.loads((backup / "manifest.json").read_text())["complete"] is True
    assert on("monitor1", f"find {VOLUMES} /run/gpu_monitoring -path '*backup*'") == ""
    age = "time() - gpu_monitoring_backup_last_success_timestamp_seconds"
    assert (
        wait_until(lambda: [float(sample["value"][1]) for sample in prometheus.query(age)], "the metric of the backup")[
            0
        ]
        < 300
    )

    removed = run_playbook(ROOT / "playbooks" / "remove.yml", variables={"gpu_monitoring_remove_data": True})
    assert removed.code == 0, removed.output
    assert site().code == 0
    assert on("monitor1", f"sha256sum {SECRET_KEY}") != key

    variables = {"restore_backup": str(backup), **GIVEN}
    run = run_playbook(ROOT / "playbooks" / "restore.yml", variables=variables, environment=ENVIRONMENT)
    assert run.code == 0, run.output
    assert "Report the faults" in run.output, "the restore ends with verify"
    assert on("monitor1", f"sha256sum {SECRET_KEY}") == key
    uids = (
        f"import sqlite3; print([row[0] for row in sqlite3.connect('{DATABASE}').execute('SELECT uid FROM dashboard')])"
    )
    assert on("monitor1", python(uids)).strip() == "['of-a-user']"
    assert on("monitor1", f"stat -c %u:%g {DATABASE}").strip() == "472:0"
    assert wait_until(lambda: prometheus.query("count_over_time(old_samples[5d])"), "the samples of three days ago")
    assert wait_until(alertmanager.silences, "the silence")
