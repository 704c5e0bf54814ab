"""Whether the datasource of the whole fleet has the data of all hosts."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify import query_datasource


class Grafana:
    """A stand-in for Grafana's client, with a datasource that has data of some hosts."""

    def __init__(self, *hosts, error=""):
        self._hosts, self._error = hosts, error
        self.asked = []

    def get(self, path):
        assert path == "/api/datasources"
        return [{"uid": "victoria-metrics", "type": "prometheus"}, {"uid": "prometheus", "type": "prometheus"}]

    def post(self, path, body):
        assert path == "/api/ds/query"
        self.asked += [query["datasource"]["uid"] for query in body["queries"]]
        if self._error:
            raise GrafanaError(self._error)
        fields = [{}, *({"labels": {"host": host}} for host in self._hosts)]
        frame = {"schema": {"fields": fields}, "data": {"values": [[1000], *([3] for _host in self._hosts)]}}
        return {"results": {"A": {"frames": [frame]}}}


def problems(grafana, *hosts):
    seen = query_datasource.look(grafana, "victoria-metrics")
    assert grafana.asked == ["victoria-metrics"]
    return [(problem.check, problem.message) for problem in query_datasource.problems(seen, "victoria-metrics", hosts)]


def test_data_of_all_hosts_is_no_problem():
    assert problems(Grafana("gpu1", "gpu2", "switch1"), "gpu1", "gpu2") == []


@pytest.mark.parametrize(
    ("grafana", "message"),
    [
        (
            Grafana("gpu1"),
            "Grafana's datasource victoria-metrics has no data of gpu2 and gpu3. Check that the Prometheus that scrapes"
            " them runs, and that it can send its samples (alerts PrometheusRemoteWriteBehind and"
            " PrometheusRemoteWriteRefused).",
        ),
        (
            Grafana(error="502 Bad Gateway:\n no answer."),
            "Grafana's datasource victoria-metrics cannot be asked: 502 Bad Gateway: no answer.",
        ),
    ],
    ids=["missing hosts", "an error"],
)
def test_missing_hosts_and_errors_are_named(grafana, message):
    assert problems(grafana, "gpu1", "gpu2", "gpu3") == [("query", message)]
