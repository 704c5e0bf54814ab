"""The EXAMPLES of monitoring_backup and monitoring_restore, on this machine, whose Docker engine is a stand-in."""

from __future__ import annotations

import os

import pytest

from tests import examples
from tests.unit.plugins.action.engine_socket import engine
from tests.unit.plugins.action.monitoring_host import PASSWORD, SERVICES, make_host, run_tasks

BACKUP, RESTORE = examples.run_by(__file__)
VOLUMES = dict(zip(SERVICES, ("grafana-storage", "prometheus-data", "alertmanager-data"), strict=True))


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0, reason="the modules run as root")
def test_each_example_of_a_restore_takes_the_backup_of_an_example(tmp_path):
    make_host(tmp_path)
    tasks, places = [], {"/etc/gpu_monitoring": str(tmp_path / "etc")}
    for number, (backup, restore) in enumerate(
        zip(*(examples.read(module, places) for module in (BACKUP, RESTORE)), strict=True)
    ):
        backup[examples.PREFIX + BACKUP].update(folder=str(tmp_path / f"backups-{number}"))
        restore[examples.PREFIX + RESTORE].update(backup=f"{{{{ made_{number}.backup }}}}")
        tasks += [{**backup, "register": f"made_{number}"}, restore]
    folders = {volume: tmp_path / "volumes" / name for name, volume in VOLUMES.items()}
    calls = []
    with engine(
        tmp_path / "engine.sock", folders, dict.fromkeys(SERVICES, "image:1"), calls, mounts=VOLUMES
    ) as address:
        defaults = {examples.PREFIX + module: {"docker_host": address} for module in (BACKUP, RESTORE)}
        block = {"module_defaults": defaults, "vars": {"backup_vault_password": PASSWORD}, "block": tasks}
        done = run_tasks(tmp_path, [block])
    assert done.returncode == 0, done.stdout + done.stderr
    assert calls == [("stop", "grafana"), ("start", "grafana")]
    assert PASSWORD not in done.stdout
