"""A Prometheus that answers what a test gives it, and dashboards with one panel."""

from __future__ import annotations

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify import panels
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.label_queries import Sample
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.layout import LibraryPanel
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.variables import Context

SOURCES = [
    {"uid": "loki", "name": "Loki", "type": "loki"},
    {"uid": "other", "name": "Other", "type": "prometheus", "isDefault": False},
    {"uid": "prom", "name": "Prometheus", "type": "prometheus", "isDefault": True, "jsonData": {"timeInterval": "5s"}},
]
PROM = {"type": "prometheus", "uid": "prom"}


class FakePrometheus:
    """Labels of the series that each expression finds; a missing expression fails."""

    def __init__(self, answers=None):
        self.answers = answers or {}
        self.asked = []

    def __call__(self, datasource, _times):
        self.asked.append(datasource["uid"])
        return self

    def samples(self, expression):
        series = self.answers.get(expression)
        return None if series is None else [Sample(labels, 1.5, 1700000000000) for labels in series]

    def listed(self, path, selector):
        return {("labels", ""): ["a", "b"], ("labels", '{__name__=~".*(?:up).*"}'): ["job"]}.get((path, selector))


def asked(model, answers=None, library=None, **context):
    """The queries of a dashboard, and the panels that are not checked."""
    prometheus = answers if callable(answers) else FakePrometheus(answers)
    stored = {uid: LibraryPanel(of_uid) for uid, of_uid in (library or {}).items()}
    missing = LibraryPanel({}, "is not in Grafana")
    return panels.asked(model, Context(SOURCES, prometheus, **context), lambda uid: stored.get(uid, missing))


def queries(model, answers=None, library=None, **context):
    """The queries of a dashboard."""
    return asked(model, answers, library, **context).queries


def ask(expression, variables=(), answers=None, panel=None, target=None, context=None, **dashboard):
    """The one query of a dashboard with one panel."""
    given = {
        "title": "P",
        "datasource": PROM,
        "targets": [{"refId": "A", "expr": expression, **(target or {})}],
        **(panel or {}),
    }
    [query] = queries(
        {"panels": [given], "templating": {"list": list(variables)}, **dashboard}, answers, **(context or {})
    )
    return query.expression


def hosts(*names):
    """Answers to the variable HOST."""
    return {"group by (host) (up)": [{"host": name} for name in names]}
