"""Writes the role's dashboards as JSON for the import of any Grafana.

`python tests/tools/export_dashboards.py FOLDER` writes a file for each dashboard. The files have the form of Grafana's
own "Export for sharing externally": Grafana asks for the datasource that the input DS_PROMETHEUS stands for.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.conftest import link_collection

link_collection()

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import dashboard

from tests.dashboards import queries

INPUT = "DS_PROMETHEUS"
# The oldest version that the modules take.
_OLDEST_GRAFANA = "9.4.0"
_PLUGIN = {"pluginId": "prometheus", "pluginName": "Prometheus"}
# Prometheus of a site may scrape less often than that of the collection.
_REFRESH = "30s"


def export(path: Path) -> dict[str, Any]:
    """A dashboard of the role whose datasource is an input."""
    item = queries.item(path)
    model = dashboard.model({**item, "datasource_uid": "${" + INPUT + "}", "refresh": _REFRESH})
    return {
        "__inputs": [{"name": INPUT, "label": "Prometheus", "description": "", "type": "datasource", **_PLUGIN}],
        "__elements": {},
        "__requires": [
            {"type": "grafana", "id": "grafana", "name": "Grafana", "version": _OLDEST_GRAFANA},
            {"type": "datasource", "id": "prometheus", "name": "Prometheus", "version": "1.0.0"},
        ],
        "id": None,
        **model,
    }


def write(folder: Path) -> list[Path]:
    """Write every dashboard into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for path in queries.FILES:
        file = folder / f"{path.stem}.json"
        file.write_text(json.dumps(export(path), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        written.append(file)
    return written


if __name__ == "__main__":
    for written_file in write(Path(sys.argv[1])):
        print(written_file)
