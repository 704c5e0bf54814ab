# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""What is wrong with the dashboards in Grafana, from what their panels show. Pure."""

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.faults import SITE, Problem, listed, one_line
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.observed import Shown


def problems(grafana: Shown, stopped: str, blind: bool) -> list[Problem]:
    """What is wrong with the dashboards.

    - stopped: what of Grafana does not run, for a Grafana that cannot be asked.
    - blind: whether panels may be empty for a reason that was told already.
    """
    if grafana.get("error"):
        return [Problem("grafana", "", f"Grafana cannot be asked: {grafana['error']}{stopped}")]
    told = []
    for uid, dashboard in grafana["dashboards"].items():
        if dashboard is None:
            told.append(Problem("dashboards", "", f"The dashboard {uid} is not in Grafana. {SITE}"))
            continue
        title = f"The dashboard {dashboard['title']}"
        empty = list(dict.fromkeys(panel for panel, problem in dashboard["faults"] if not problem))
        if empty and not blind:
            told.append(Problem("dashboards", "", f"{title} shows no data in {listed(empty)}."))
        for panel, problem in dict.fromkeys((panel, problem) for panel, problem in dashboard["faults"] if problem):
            reason = one_line(problem).rstrip(".")
            told.append(Problem("dashboards", "", f"{title} cannot draw {panel}: {reason}."))
    return told


def unchecked(grafana: Shown) -> list[str]:
    """A note for each dashboard with panels that were not checked."""
    shown = [dashboard for dashboard in grafana.get("dashboards", {}).values() if dashboard]
    reason = "were not checked, since they need other datasources than Prometheus"
    return [
        f"Panels of the dashboard {dashboard['title']} {reason}: {listed(list(dict.fromkeys(dashboard['unchecked'])))}."
        for dashboard in shown
        if dashboard.get("unchecked")
    ]
