# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Library panels of dashboards. A panel refers to one by uid; an export holds the models in `__elements`. Pure.

Grafana's exporter writes them (public/app/features/dashboard-scene/scene/export/exporters.ts).
"""

from collections.abc import Set
from typing import Any
from urllib.parse import quote

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import contents
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Json

# What a panel has of its own in each dashboard (LibraryPanelBehavior.tsx, "setPanelFromLibPanel").
_OF_THE_DASHBOARD = ("id", "gridPos", "title", "repeat", "repeatDirection", "maxPerRow")
_OF_A_PLACE = ("id", "gridPos", "libraryPanel")


def path(uid: str) -> str:
    """Where the API has a library panel."""
    return f"/api/library-elements/{quote(uid, safe='')}"


def referenced(dashboard: Json) -> dict[str, str]:
    """Names of the library panels that the dashboard shows, by uid."""
    names: dict[str, str] = {}
    for panel in contents.every_panel(dashboard):
        uid = _uid(panel)
        if uid:
            names[uid] = str(panel["libraryPanel"].get("name") or uid)
    return names


def inline(holder: Json, elements: Any, shared: Set[str]) -> Json:
    """The dashboard with the models of `elements` in the place of references, except to those that are `shared`."""
    models = _models(elements)
    panels = holder.get("panels")
    if not models or not isinstance(panels, list):
        return holder
    return {**holder, "panels": [_inlined(panel, models, elements, shared) for panel in panels]}


def element(uid: str, name: str, model: Json) -> Json:
    """A library panel as an export has it in `__elements`. Kind 1 is a panel."""
    kept = {key: part for key, part in model.items() if key not in _OF_A_PLACE}
    return {"uid": uid, "name": name, "kind": 1, "model": kept}


def _inlined(panel: Any, models: dict[str, Json], elements: Any, shared: Set[str]) -> Any:
    if not isinstance(panel, dict):
        return panel
    uid = _uid(panel)
    if not uid:
        return inline(panel, elements, shared)
    if uid in shared or uid not in models:
        return panel
    model = {key: part for key, part in models[uid].items() if key not in _OF_A_PLACE}
    own = {key: panel[key] for key in _OF_THE_DASHBOARD if panel.get(key) is not None}
    return {**_with_one_datasource(model), **own}


def _with_one_datasource(model: Json) -> Json:
    """The queries ask the panel's datasource: the exporter replaces it by an input in the panel, not in its queries."""
    source, targets = model.get("datasource"), model.get("targets")
    uid = source.get("uid") if isinstance(source, dict) else None
    if not isinstance(source, dict) or not str(uid).startswith("${DS_") or not isinstance(targets, list):
        return model
    return {**model, "targets": [_with(source, target) for target in targets]}


def _with(source: Json, target: Any) -> Any:
    own = target.get("datasource") if isinstance(target, dict) else None
    same = isinstance(own, dict) and own.get("type") == source.get("type") and not str(own.get("uid")).startswith("$")
    return {**target, "datasource": source} if same else target


def _uid(panel: Json) -> str:
    reference = panel.get("libraryPanel")
    uid = reference.get("uid") if isinstance(reference, dict) else None
    return uid if isinstance(uid, str) else ""


def _models(elements: Any) -> dict[str, Json]:
    """Models by uid. Grafana 9.1 and older export a list, newer ones an object."""
    listed = contents.objects(list(elements.values()) if isinstance(elements, dict) else elements)
    return {str(entry.get("uid")): entry["model"] for entry in listed if isinstance(entry.get("model"), dict)}
