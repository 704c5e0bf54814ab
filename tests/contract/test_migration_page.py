"""The task that docs/migration.md has in the place of tasks of community.grafana."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from ansible_collections.mlops.gpu_monitoring.plugins.modules import grafana_resources
from server import actions

PAGE = Path(__file__).resolve().parents[2] / "docs" / "migration.md"
MODULE = "mlops.gpu_monitoring.grafana_resources"


def test_the_task_declares_its_objects_and_a_rerun_writes_nothing(grafana):
    (text,) = (block for block in re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL) if MODULE in block)
    ((task,),) = (play["tasks"] for play in yaml.safe_load(text.replace("uid: ", "uid: ct-")))
    options = {name: value for name, value in task[MODULE].items() if name not in ("url", "username", "password")}
    options["dashboards"][0]["model"] = {"title": "Training", "panels": [], "schemaVersion": 39}

    assert actions(grafana.run(grafana_resources, **options)) == dict.fromkeys(
        ("ct-prometheus", "ct-teams", "ct-training"), "created"
    )
    grafana.wait_for_search("ct-training")
    assert grafana.run(grafana_resources, **options)["changed"] is False
