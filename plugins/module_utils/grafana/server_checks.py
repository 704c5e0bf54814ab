# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""What only the server knows of an object that is about to be written; asked for only then."""

from typing import Any, Callable

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import (
    check_panels,
    contents,
    plan,
    plugin_checks,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.change import Change
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.client import Client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import (
    GrafanaError,
    NotAllowed,
    NotReachable,
)


def check(client: Client, changes: list[Change], warn: Callable[[str], None]) -> None:
    """Raise GrafanaError with all that is a typing error, and warn of what may be one."""
    about_to_be_written = [change for change in changes if change.body and not change.error]
    problems, doubts = _check_datasources(client, [change for change in about_to_be_written if change.kind == "datasource"])
    dashboards = [change for change in about_to_be_written if change.kind == "dashboard"]
    if dashboards:
        settings = _ask(client, "/api/frontend/settings") or {}
        shortest = plan.shortest_refresh(dashboards)
        if shortest:
            plan.refuse_refresh(shortest, str(settings.get("minRefreshInterval") or ""))
        types = plugin_checks.panel_types(settings)
        for change in dashboards:
            every_panel = contents.every_panel(change.body["dashboard"])
            wrong, doubtful = plugin_checks.check_panels_of(every_panel, types) if types else ([], [])
            where = f"dashboard '{change.uid}'"
            problems += [f"{where}: {problem}" for problem in wrong]
            doubts += [f"{where}: {doubt}" for doubt in doubtful + check_panels.doubts_of_models(every_panel)]
    if problems:
        raise GrafanaError(" ".join(problems))
    for doubt in doubts:
        warn(doubt)


def _check_datasources(client: Client, changes: list[Change]) -> tuple[list[str], list[str]]:
    """Check the types of datasources that are created or get another type, and give each the id that the server knows."""
    problems: list[str] = []
    doubts: list[str] = []
    changes = [change for change in changes if change.before.get("type") != change.body["type"]]
    types = plugin_checks.installed_datasource_types(_ask(client, "/api/plugins?type=datasource")) if changes else set()
    for change in changes if types else []:
        known = plugin_checks.known_datasource_type(change.body["type"], types)
        if known:
            change.body["type"] = change.after["type"] = known
            continue
        wrong, doubtful = plugin_checks.check_datasource_type(change.body["type"], types)
        problems += [f"datasource '{change.uid}': {problem}" for problem in wrong]
        doubts += [f"datasource '{change.uid}': {doubt}" for doubt in doubtful]
    return problems, doubts


def _ask(client: Client, path: str) -> Any:
    """The answer; None where the server does not give it, such as to an account without the permission."""
    try:
        return client.get(path)
    except (NotAllowed, NotReachable):
        raise
    except GrafanaError:
        return None
