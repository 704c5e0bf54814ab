# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""What the dashboards in Grafana show, collected. What it means is decided elsewhere."""

import itertools
import re
import time
from typing import Any, NamedTuple, Optional
from urllib.parse import quote

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Datasource, Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.client import Client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError, NotAllowed
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify import panels
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.decide import Drawable
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.label_queries import Sample
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.layout import LibraryPanel
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.observed import Shown, ShownDashboard
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.time_range import TimeRange
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.variables import Context

# Where Grafana says that a dashboard is instead (406, pkg/api/dashboard.go).
_SCHEMA_V2 = re.compile(
    r"(?P<group>/apis/dashboard\.grafana\.app)/v2\w*/(?P<object>namespaces/[^/ ]+/dashboards/[^/ ]+)"
)
# From this version on Grafana draws dashboards by scenes (grafana/grafana#93818), which ask for every variable when
# somebody opens the dashboard, whatever its `refresh` says (grafana/scenes: MultiValueVariable.ts).
_SCENES_SINCE = (11, 3)
_VERSION = re.compile(r"(\d+)\.(\d+)")


class _Answer(NamedTuple):
    """Grafana's data frames, and why the query cannot be answered."""

    frames: list[Json]
    error: str

    @property
    def has_data(self) -> bool:
        """Whether there is a value."""
        return any(column for frame in self.frames for column in frame.get("data", {}).get("values") or [])


class Dashboards:
    """Grafana's dashboards and what their panels show."""

    def __init__(self, grafana: Client, optional: list[str]) -> None:
        self._grafana = grafana
        self._optional = optional
        self._refused = ""

    def look(self, uids: list[str], can: Drawable) -> Shown:
        """What Grafana shows of these dashboards.

        A panel must show something: its queries beyond one may be of what only some hosts have. Of a variable with
        hosts one is chosen that `can` be drawn. A login that was refused is not tried again.
        """
        if self._refused:
            return {"error": self._refused, "dashboards": {}}
        try:
            return {"error": "", "dashboards": _Look(self._grafana, [*self._optional, *can.absent], can.hosts).at(uids)}
        except GrafanaError as error:
            if isinstance(error, NotAllowed):
                self._refused = str(error)
            return {"error": str(error), "dashboards": {}}


class _Look:
    """One look at the dashboards: what is asked several times is sent once."""

    def __init__(self, grafana: Client, optional: list[str], hosts: list[str]) -> None:
        self._grafana = grafana
        self._optional = optional
        version = _VERSION.match(grafana.wait(0))
        keeps_saved = version is not None and (int(version[1]), int(version[2])) < _SCENES_SINCE
        datasources: list[Datasource] = grafana.get("/api/datasources") or []
        self._types = {datasource["uid"]: datasource["type"] for datasource in datasources}
        self._context = Context(
            datasources,
            lambda datasource, times: _Prometheus(self, datasource["uid"], times),
            hosts,
            time.time(),
            keeps_saved,
        )
        self._answers: dict[tuple[str, ...], _Answer] = {}
        self._library_panels: dict[str, LibraryPanel] = {}

    def at(self, uids: list[str]) -> dict[str, Optional[ShownDashboard]]:
        """The dashboards by uid, None for a missing one."""
        return {uid: self._dashboard(uid) for uid in uids}

    def ask(self, uid: str, expression: str, start: str, end: str) -> _Answer:
        """The answer to an instant query at the end of a time range."""
        key = (uid, expression, start, end)
        if key not in self._answers:
            self._answers[key] = self._asked(*key)
        return self._answers[key]

    def listed(self, uid: str, path: str, selector: str) -> Optional[list[str]]:
        """The texts at a path of Prometheus' API, None where it does not answer."""
        chosen = f"?match[]={quote(selector)}" if selector else ""
        try:
            answer = self._grafana.get(f"/api/datasources/proxy/uid/{uid}/api/v1/{path}{chosen}")
        except NotAllowed:
            raise
        except GrafanaError:
            return None
        return answer["data"] if isinstance(answer, dict) and isinstance(answer.get("data"), list) else None

    def _dashboard(self, uid: str) -> Optional[ShownDashboard]:
        model = self._model(uid)
        if model is None:
            return None
        asked = panels.asked(model, self._context, self._library_panel)
        required = [query for query in asked.queries if not panels.is_optional(uid, query, self._optional)]
        unchecked = [title for title in asked.unchecked if not panels.is_optional_title(uid, title, self._optional)]
        looked_at = [list(group) for _number, group in itertools.groupby(required, lambda query: query.number)]
        faults = [(group[0].panel, problem) for group in looked_at for problem in self._problems(group)]
        title = str(model.get("title", uid))
        return {"title": title, "panels": len(looked_at), "faults": faults, "unchecked": unchecked}

    def _model(self, uid: str) -> Optional[Json]:
        """The classic model, to which Grafana converts a dashboard of schema v2."""
        try:
            answer = self._grafana.get(f"/api/dashboards/uid/{uid}")
            return answer and answer["dashboard"]
        except GrafanaError as error:
            stored = _SCHEMA_V2.search(str(error))
            if not stored:
                raise
            answer = self._grafana.get(f"{stored['group']}/v1beta1/{stored['object']}")
            return answer and answer["spec"]

    def _problems(self, queries: list[panels.Query]) -> list[str]:
        """The problems of one panel."""
        missing = [query.problem for query in queries if query.problem]
        shown = [
            self.ask(query.datasource, query.expression, query.start, query.end)
            for query in queries
            if not query.problem
        ]
        errors = [*missing, *(answer.error for answer in shown if answer.error)]
        return errors or ([] if any(answer.has_data for answer in shown) else [""])

    def _asked(self, uid: str, expression: str, start: str, end: str) -> _Answer:
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
            return _Answer([], str(error))
        result = ((answer or {}).get("results") or {}).get("A") or {}
        return _Answer(result.get("frames") or [], str(result.get("error") or ""))

    def _library_panel(self, uid: str) -> LibraryPanel:
        if uid not in self._library_panels:
            self._library_panels[uid] = self._asked_library_panel(uid)
        return self._library_panels[uid]

    def _asked_library_panel(self, uid: str) -> LibraryPanel:
        try:
            answer = self._grafana.get(f"/api/library-elements/{quote(uid, safe='')}")
        except NotAllowed:
            raise
        except GrafanaError as error:
            return LibraryPanel({}, f"cannot be read: {error}")
        model = ((answer or {}).get("result") or {}).get("model")
        return LibraryPanel(model) if model else LibraryPanel({}, "is not in Grafana")


class _Prometheus:
    """The Prometheus of one datasource, asked through Grafana at the end of a time range."""

    def __init__(self, look: _Look, uid: str, times: TimeRange) -> None:
        self._look = look
        self._uid = uid
        self._times = times

    def samples(self, expression: str) -> Optional[list[Sample]]:
        """The answer to an instant query, None where it failed."""
        answer = self._look.ask(self._uid, expression, self._times.start, self._times.end)
        return None if answer.error else [sample for frame in answer.frames for sample in _samples(frame)]

    def listed(self, path: str, selector: str) -> Optional[list[str]]:
        """The texts at a path of its API, None where the query failed."""
        return self._look.listed(self._uid, path, selector)


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
