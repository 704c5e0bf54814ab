# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Queries to Prometheus through the API of Grafana."""

from typing import Any, NamedTuple, Optional
from urllib.parse import quote

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Datasource, Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.client import Client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError, NotAllowed
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.label_queries import Sample
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.time_range import TimeRange


class Answer(NamedTuple):
    """Grafana's data frames, and why the query cannot be answered."""

    frames: list[Json]
    error: str

    @property
    def has_data(self) -> bool:
        """Whether there is a value."""
        return any(column for frame in self.frames for column in frame.get("data", {}).get("values") or [])


class Queries:
    """Queries to the datasources of Grafana: the same query is sent once."""

    def __init__(self, grafana: Client, datasources: list[Datasource]) -> None:
        self._grafana = grafana
        self._types = {datasource["uid"]: datasource["type"] for datasource in datasources}
        self._answers: dict[tuple[str, ...], Answer] = {}

    def ask(self, uid: str, expression: str, start: str, end: str) -> Answer:
        """The answer to an instant query at the end of a time range."""
        key = (uid, expression, start, end)
        if key not in self._answers:
            self._answers[key] = self._asked(*key)
        return self._answers[key]

    def listed(self, uid: str, path: str, selector: str) -> Optional[list[str]]:
        """The texts at a path of Prometheus' API, None if it does not answer."""
        chosen = f"?match[]={quote(selector)}" if selector else ""
        try:
            answer = self._grafana.get(f"/api/datasources/proxy/uid/{uid}/api/v1/{path}{chosen}")
        except NotAllowed:
            raise
        except GrafanaError:
            return None
        return answer["data"] if isinstance(answer, dict) and isinstance(answer.get("data"), list) else None

    def _asked(self, uid: str, expression: str, start: str, end: str) -> Answer:
        source = {"type": self._types.get(uid, "prometheus"), "uid": uid}
        body = {
            "refId": "A",
            "datasource": source,
            "expr": expression,
            "instant": True,
            "range": False,
            "intervalMs": 15000,
            "maxDataPoints": 100,
        }
        try:
            answer = self._grafana.post("/api/ds/query", {"queries": [body], "from": start, "to": end})
        except NotAllowed:
            raise
        except GrafanaError as error:
            return Answer([], str(error))
        result = ((answer or {}).get("results") or {}).get("A") or {}
        return Answer(result.get("frames") or [], str(result.get("error") or ""))


class PrometheusOfDatasource:
    """The Prometheus of one datasource, asked through Grafana at the end of a time range."""

    def __init__(self, queries: Queries, uid: str, times: TimeRange) -> None:
        self._queries = queries
        self._uid = uid
        self._times = times

    def samples(self, expression: str) -> Optional[list[Sample]]:
        """The answer to an instant query, None if it failed."""
        answer = self._queries.ask(self._uid, expression, self._times.start, self._times.end)
        return None if answer.error else [sample for frame in answer.frames for sample in _samples(frame)]

    def listed(self, path: str, selector: str) -> Optional[list[str]]:
        """The texts at a path of its API, None if the query failed."""
        return self._queries.listed(self._uid, path, selector)


def _samples(frame: Json) -> list[Sample]:
    """The series of a data frame: a field of times, then one of values for each series."""
    schema, columns = frame.get("schema", {}), frame.get("data", {}).get("values") or []
    kind = ((schema.get("meta") or {}).get("custom") or {}).get("resultType")
    series: list[tuple[Any, Any]] = list(zip(schema.get("fields") or [], columns))[1:]
    return [
        Sample(field.get("labels") or {}, values[-1], columns[0][-1], kind == "scalar")
        for field, values in series
        if values
    ]
