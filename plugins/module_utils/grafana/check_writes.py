# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Checks of objects that are about to be written. What only the server knows is asked for only then."""

from typing import Callable

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import (
    check_datasources,
    check_models,
    check_panels,
    check_plugins,
    contents,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.change import Change
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.client import Client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError


def check(client: Client, changes: list[Change], warn: Callable[[str], None]) -> None:
    """Raise GrafanaError with all that is a typing error, and warn of what may be one."""
    about_to_be_written = [change for change in changes if change.body and not change.error]
    datasources = [change for change in about_to_be_written if change.kind == "datasource"]
    problems, doubts = _check_types(client, datasources)
    problems += _problems_of_urls(datasources)
    dashboards = [change for change in about_to_be_written if change.kind == "dashboard"]
    if dashboards:
        settings = client.get_if_allowed("/api/frontend/settings") or {}
        shortest = check_models.shortest_refresh(dashboards)
        if shortest:
            check_models.refuse_refresh(shortest, str(settings.get("minRefreshInterval") or ""))
        types = check_plugins.panel_types(settings)
        for change in dashboards:
            every_panel = contents.every_panel(change.body["dashboard"])
            wrong, doubtful = check_plugins.check_panels_of(every_panel, types) if types else ([], [])
            doubtful += check_panels.doubts_of_model(change.body["dashboard"])
            problems += [f"dashboard '{change.uid}': {problem}" for problem in wrong]
            doubts += [f"dashboard '{change.uid}': {doubt}" for doubt in doubtful]
    if problems:
        raise GrafanaError(" ".join(problems))
    for doubt in doubts:
        warn(doubt)


def _check_types(client: Client, changes: list[Change]) -> tuple[list[str], list[str]]:
    """Check the types of datasources that are created or get another one; each gets the id that the server knows."""
    problems: list[str] = []
    doubts: list[str] = []
    changes = [change for change in changes if change.before.get("type") != change.body["type"]]
    plugins = client.get_if_allowed("/api/plugins?type=datasource") if changes else []
    types = check_plugins.installed_datasource_types(plugins)
    for change in changes if types else []:
        known = check_plugins.known_datasource_type(change.body["type"], types)
        if known:
            change.body["type"] = change.after["type"] = known
            continue
        wrong, doubtful = check_plugins.check_datasource_type(change.body["type"], types)
        problems += [f"datasource '{change.uid}': {problem}" for problem in wrong]
        doubts += [f"datasource '{change.uid}': {doubt}" for doubt in doubtful]
    return problems, doubts


def _problems_of_urls(changes: list[Change]) -> list[str]:
    """What is wrong with new URLs; one that Grafana has already is left as it is."""
    problems = []
    for change in changes:
        url, datasource_type = str(change.body.get("url") or ""), change.body["type"]
        problem = check_datasources.problem_of_url(url, datasource_type) if url != change.before.get("url") else ""
        if problem:
            problems.append(f"datasource '{change.uid}': {problem}")
    return problems
