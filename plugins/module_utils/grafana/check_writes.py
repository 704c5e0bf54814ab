# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Checks of objects that are about to be written. What only the server knows is asked for only then."""

from dataclasses import dataclass, field
from typing import Callable, cast

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import (
    check_datasources,
    check_models,
    check_panels,
    check_plugins,
    contents,
    declared,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.change import Change
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.client import Client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.present import Present


@dataclass
class _Findings:
    """Sentences on objects: of what is wrong, and of what is doubtful."""

    problems: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)

    def add(self, change: Change, problems: list[str], doubts: list[str]) -> None:
        """Note what is wrong with one object, and what is doubtful."""
        self.problems += [f"{change.kind} '{change.uid}': {problem}" for problem in problems]
        self.doubts += [f"{change.kind} '{change.uid}': {doubt}" for doubt in doubts]


def check(client: Client, changes: list[Change], existing: Present, warn: Callable[[str], None]) -> None:
    """Raise GrafanaError with all that is a typing error, and warn of what may be one."""
    changes_to_write = [change for change in changes if change.body and not change.error]
    datasources = [change for change in changes_to_write if change.kind == "datasource"]
    findings = _Findings()
    _check_types(client, datasources, findings)
    _check_urls(datasources, existing, findings)
    dashboards = [change for change in changes_to_write if change.kind == "dashboard"]
    if dashboards:
        settings = client.web_settings()
        shortest = check_models.shortest_refresh(dashboards)
        if shortest:
            check_models.refuse_refresh(shortest, str(settings.get("minRefreshInterval") or ""))
        types = check_plugins.panel_types(settings)
        for change in dashboards:
            every_panel = contents.every_panel(change.body["dashboard"])
            wrong, doubtful = check_plugins.check_panels_of(every_panel, types) if types else ([], [])
            findings.add(change, wrong, doubtful + check_panels.doubts_of_model(change.body["dashboard"]))
    if findings.problems:
        raise GrafanaError(" ".join(findings.problems))
    for doubt in findings.doubts:
        warn(doubt)


def _check_types(client: Client, changes: list[Change], findings: _Findings) -> None:
    """Check the types of datasources that are created or get another one; each gets the id that the server knows."""
    changes = [change for change in changes if change.before.get("type") != change.body["type"]]
    plugins = client.get_if_allowed("/api/plugins?type=datasource") if changes else []
    types = check_plugins.installed_datasource_types(plugins)
    for change in changes if types else []:
        known = check_plugins.known_datasource_type(change.body["type"], types)
        if known:
            # In the item as well, since the change is planned again after a conflict.
            change.body["type"] = change.after["type"] = cast(declared.Datasource, change.item)["type"] = known
            continue
        findings.add(change, *check_plugins.check_datasource_type(change.body["type"], types))


def _check_urls(changes: list[Change], existing: Present, findings: _Findings) -> None:
    """Check new URLs, but those that browsers use, which may be a path alone. A URL that Grafana has already stays."""
    for change in changes:
        stored = existing.datasources.get(change.uid)
        url = str(change.body.get("url") or "")
        if (stored and url and stored.get("url") == url) or change.body["access"] == "direct":
            continue
        findings.add(change, *check_datasources.check_url(url, change.body["type"]))
