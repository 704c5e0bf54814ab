# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""What would not work in the dashboards that are about to be written. Pure."""

from typing import Optional, cast

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import declared, desired, given, references
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.change import Change
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.dashboard_change import declared_types
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.present import Present


def refuse_bad_models(changes: list[Change], wanted: declared.Declared, present: Present) -> None:
    """Raise GrafanaError with everything that would not work in the dashboards that are about to be written."""
    types = None if present.forbids_datasources else declared_types(wanted, present)
    problems = [
        f"dashboard '{change.uid}': {problem}"
        for change in changes
        if change.kind == "dashboard" and change.body and not change.error
        for problem in [
            *references.problems(change.body["dashboard"], _given(change.item), types, present.library_panels),
            *desired.problems_of_model(change.body["dashboard"]),
        ]
    ]
    if problems:
        raise GrafanaError(" ".join(problems))


def _given(item: declared.Item) -> Json:
    model = cast(declared.Dashboard, item)["model"]
    return {} if model is None else given.parse_with_library_panels(model)


def shortest_refresh(changes: list[Change]) -> Optional[Change]:
    """The dashboard that is about to be written with the shortest refresh, if one has any."""
    refreshing = [(seconds, change) for change in changes for seconds in [_refresh(change)] if seconds is not None]
    return min(refreshing, key=lambda pair: pair[0])[1] if refreshing else None


def _refresh(change: Change) -> Optional[float]:
    """Seconds after which the dashboard that is about to be written refreshes; None if it does not."""
    refresh = (change.body.get("dashboard") or {}).get("refresh")
    return desired.seconds(refresh) if isinstance(refresh, str) else None


def refuse_refresh(change: Change, minimum: str) -> None:
    """Raise GrafanaError if a dashboard refreshes more often than the server allows."""
    least, refresh = desired.seconds(minimum), _refresh(change)
    if least is not None and refresh is not None and refresh < least:
        raise GrafanaError(
            f"dashboard '{change.uid}': refresh {change.body['dashboard']['refresh']} is below the server's minimum of"
            f" {minimum}. Raise it, or lower min_refresh_interval in Grafana's section [dashboards]."
        )
