# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""What the dashboards in Grafana show, collected. What it means is decided elsewhere."""

import itertools
import time
from typing import Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import library_panels, schema_v2
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Datasource, Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.client import Client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError, NotAllowed
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify import panels
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.decide import Drawable
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.layout import LibraryPanel
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.observed import Shown, ShownDashboard
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.queries import PrometheusOfDatasource, Queries
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.variables import Context
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.version_numbers import is_before

# From this version on Grafana draws dashboards by scenes (grafana/grafana#93818), which ask for every variable when
# somebody opens the dashboard, whatever its `refresh` says (grafana/scenes: MultiValueVariable.ts).
_SCENES_SINCE = (11, 3)


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
    """One look at the dashboards: a library panel of several dashboards is read once."""

    def __init__(self, grafana: Client, optional: list[str], hosts: list[str]) -> None:
        self._grafana = grafana
        self._optional = optional
        keeps_saved = is_before(grafana.wait(0), *_SCENES_SINCE)
        datasources: list[Datasource] = grafana.get("/api/datasources") or []
        self._queries = Queries(grafana, datasources)
        self._context = Context(
            datasources,
            lambda datasource, times: PrometheusOfDatasource(self._queries, datasource["uid"], times),
            hosts,
            time.time(),
            keeps_saved,
        )
        self._library_panels: dict[str, LibraryPanel] = {}

    def at(self, uids: list[str]) -> dict[str, Optional[ShownDashboard]]:
        """The dashboards by uid, None for a missing one."""
        return {uid: self._dashboard(uid) for uid in uids}

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
            answer: Optional[Json] = self._grafana.get(f"/api/dashboards/uid/{uid}")
            model: Optional[Json] = answer and answer["dashboard"]
        except GrafanaError as error:
            converted = schema_v2.resource(self._grafana, error)
            if converted is None:
                raise
            model = converted["spec"]
        return model

    def _problems(self, queries: list[panels.Query]) -> list[str]:
        """The problems of one panel."""
        missing = [query.problem for query in queries if query.problem]
        shown = [
            self._queries.ask(query.datasource, query.expression, query.start, query.end)
            for query in queries
            if not query.problem
        ]
        errors = [*missing, *(answer.error for answer in shown if answer.error)]
        return errors or ([] if any(answer.has_data for answer in shown) else [""])

    def _library_panel(self, uid: str) -> LibraryPanel:
        if uid not in self._library_panels:
            self._library_panels[uid] = self._asked_library_panel(uid)
        return self._library_panels[uid]

    def _asked_library_panel(self, uid: str) -> LibraryPanel:
        try:
            answer = self._grafana.get(library_panels.path(uid))
        except NotAllowed:
            raise
        except GrafanaError as error:
            return LibraryPanel({}, f"cannot be read: {error}")
        model = ((answer or {}).get("result") or {}).get("model")
        return LibraryPanel(model) if model else LibraryPanel({}, "is not in Grafana")
