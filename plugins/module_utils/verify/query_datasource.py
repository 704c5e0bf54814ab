# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Whether the datasource that has the data of several Prometheus has that of all hosts."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.client import Client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.faults import Problem, listed, one_line
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.queries import PrometheusOfDatasource, Queries
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.time_range import TimeRange

# Prometheus records this of each target, also of one that does not answer.
_HOSTS = "count by (host) (up)"
_NOW = TimeRange(300, "now-300s", "now")


class Seen(NamedTuple):
    """The hosts of which a datasource has data now, or why it cannot be asked."""

    hosts: Sequence[str]
    error: str


def look(grafana: Client, datasource: str) -> Seen:
    """What the datasource with this uid has. Raises GrafanaError if Grafana itself does not answer."""
    queries = Queries(grafana, grafana.get("/api/datasources") or [])
    answer = queries.ask(datasource, _HOSTS, _NOW.start, _NOW.end)
    if answer.error:
        return Seen([], answer.error)
    samples = PrometheusOfDatasource(queries, datasource, _NOW).samples(_HOSTS) or []
    return Seen([sample.labels.get("host", "") for sample in samples], "")


def problems(seen: Seen, datasource: str, hosts: Iterable[str]) -> list[Problem]:
    """The faults of the datasource, which should have data of these hosts."""
    if seen.error:
        reason = one_line(seen.error).rstrip(".")
        return [Problem("query", "", f"Grafana's datasource {datasource} cannot be asked: {reason}.")]
    missing = [host for host in hosts if host not in seen.hosts]
    if not missing:
        return []
    return [
        Problem(
            "query",
            "",
            f"Grafana's datasource {datasource} has no data of {listed(missing)}. Check that the Prometheus that"
            " scrapes them runs, and that it can send its samples (alerts PrometheusRemoteWriteBehind and"
            " PrometheusRemoteWriteRefused).",
        )
    ]
