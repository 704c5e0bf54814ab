"""The playbook backup for hosts that do not exist."""

from __future__ import annotations

from pathlib import Path

BACKUP = Path(__file__).resolve().parents[4] / "playbooks" / "backup.yml"


def test_a_password_of_grafana_that_is_not_known_is_not_made_up(playbook, tmp_path):
    file = tmp_path / "secrets" / "grafana_admin_password"
    values = {
        "grafana_admin_password": "",
        "grafana_admin_password_file": str(file),
        "backup_vault_password": "a password of the test",
        "backup_dir": str(tmp_path / "backups"),
    }
    _code, output = playbook(BACKUP, variables={"monitor1": values})
    assert "The password of Grafana on monitor1 is not in grafana_admin_password_file" in output
    # The backup itself begins, and its module has no answer from a host that does not exist.
    assert "answers.json has no answer for mlops.gpu_monitoring.monitoring_backup" in output, output
    assert not file.exists()
