"""Objects from provisioning files, which the API reads and does not change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stand_in.dashboards import Dashboards
from stand_in.datasources import Datasources
from stand_in.folders import Folders
from stand_in.store import Store

DATASOURCES: tuple[Mapping[str, Any], ...] = (
    {"name": "Provisioned", "uid": "prov-ds", "type": "prometheus", "access": "proxy", "url": "http://127.0.0.1:9"},
)
DASHBOARD = {"uid": "prov-dash", "title": "Provisioned", "schemaVersion": 36, "panels": []}


def provision(
    store: Store,
    datasources: Sequence[Mapping[str, Any]] = DATASOURCES,
    dashboards: Mapping[str, Mapping[str, Any]] | None = None,
) -> Store:
    """The store with provisioned datasources, and dashboards by file name.

    By default those of the recorded server, `prov-ds` and `prov-dash`.
    """
    for source in datasources:
        Datasources(store).create(dict(source))
        store.state["datasources"][source["uid"]]["readOnly"] = True
    for file, model in (dashboards or {"prov.json": DASHBOARD}).items():
        Dashboards(store, Folders(store)).save({"dashboard": dict(model), "overwrite": True})
        store.state["dashboards"][model["uid"]].update(provisioned=True, provisionedExternalId=file)
    store.save()
    return store
