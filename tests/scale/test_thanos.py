"""Three real receivers of Thanos with three copies of each sample. One is killed under load.

A real Prometheus with the recipe of docs/scale.md loses nothing. The fleet dashboard is the same through the querier.
"""

from __future__ import annotations

import time

import pytest

from tests.dashboards import queries
from tests.rules.servers import wait_until
from tests.scale import engines, recipes, simulated
from tests.scale.counted import ADDED, counts
from tests.scale.servers import running

ENGINE = "Thanos Receive"
HOSTS = ["gpu1", "gpu2", "gpu3"]
BEFORE, AFTER = 30, 60
SENT = "prometheus_remote_storage_queue_highest_sent_timestamp_seconds"
[FLEET] = [path for path in queries.FILES if path.stem == "gpu-fleet"]


def headers_of(variables):
    """What Grafana sends with each query."""
    datasource = variables["grafana_query_datasource"]
    return {datasource["json_data"]["httpHeaderName1"]: datasource["secure_json_data"]["httpHeaderValue1"]}


def drawn(server, query, end, **request):
    """The values of each series that a panel would show, by its labels."""
    expr = queries.sent(query.expr, {"host": HOSTS, "gpu": [str(gpu) for gpu in range(simulated.GPUS)]}, BEFORE + AFTER)
    if query.instant:
        answer = server.query(expr, end, **request)
    else:
        answer = server.query_range(expr, end - AFTER, end, queries.SCRAPE_INTERVAL, **request)
    return {
        tuple(sorted((name, value) for name, value in labels.items() if name not in ADDED)): values
        for labels, values in answer
    }


@pytest.mark.long
def test_nothing_is_lost_with_a_receiver_and_the_fleet_dashboard_is_the_same(tmp_path):
    receivers = [engines.Receiver(tmp_path, f"receive-{number}") for number in range(3)]
    router, write = engines.router(tmp_path, receivers, *recipes.flags(ENGINE, "thanos receive --receive"))
    querier = engines.querier(tmp_path, receivers, *recipes.flags(ENGINE, "thanos query"))
    variables = recipes.variables(ENGINE, {"https://thanos-receive.example.com": f"http://{write}"})
    as_grafana = {"headers": headers_of(variables)}
    with simulated.fleet(HOSTS) as targets:
        prometheus = engines.prometheus(tmp_path, {**variables, **targets, "gpu_monitoring_scrape_interval": "1s"})
        with running(*(receiver.server for receiver in receivers), router, querier, prometheus):
            everywhere = f'count(up{{host=~"gpu.*"}} == 1) == {len(HOSTS) * len(simulated.JOBS)}'
            wait_until(lambda: querier.query(everywhere, time.time(), **as_grafana), "not all hosts arrive", 180)
            begin = time.time()
            _measured_until(prometheus, begin + BEFORE)
            receivers[0].server.kill()
            end = time.time() + AFTER
            _measured_until(prometheus, end + 5)
            assert not receivers[0].server.answers()
            wait_until(lambda: min(prometheus.own(SENT)) >= end, "not all is sent", 120)
            wanted = counts(prometheus, begin, end)
            wait_until(lambda: counts(querier, begin, end, **as_grafana) == wanted, "samples are lost", 120)
            print(f"{wanted.total()} samples of {len(wanted)} series are all there")
            assert not querier.query("up", end, headers={**as_grafana["headers"], "THANOS-TENANT": "another"})
            assert sum(prometheus.own("prometheus_remote_storage_samples_failed_total")) == 0
            empty = []
            for query in queries.of(FLEET):
                shown = drawn(prometheus, query, end)
                through_querier = drawn(querier, query, end, **as_grafana)
                assert through_querier.keys() == shown.keys(), query.title
                for labels, values in shown.items():
                    assert through_querier[labels] == pytest.approx(values, nan_ok=True), (query.title, labels)
                if not shown:
                    empty.append(f"{query.title}: {query.legend}")
            assert not empty


def _measured_until(prometheus, moment):
    wait_until(
        lambda: prometheus.query(f'min(timestamp(up{{host=~"gpu.*"}})) > {moment}', time.time()),
        "Prometheus does not measure",
        moment - time.time() + 120,
    )
