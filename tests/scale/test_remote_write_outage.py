"""Remote write through an outage of the receiver, a real VictoriaMetrics. A real Prometheus with the configuration of
the role sends every sample once the receiver is back.

An outage takes 30 minutes, or the seconds of REMOTE_WRITE_OUTAGE_SECONDS.
"""

from __future__ import annotations

import os
import time

import pytest

from tests.rules.servers import wait_until
from tests.scale import engines, simulated
from tests.scale.counted import counts
from tests.scale.servers import running

OUTAGE = float(os.environ.get("REMOTE_WRITE_OUTAGE_SECONDS", "1800"))
HOSTS = [f"gpu{number:02}" for number in range(1, 25)]
INTERVAL = 5
SENT = "prometheus_remote_storage_queue_highest_sent_timestamp_seconds"


@pytest.mark.long
def test_every_sample_arrives_after_an_outage_of_the_receiver(tmp_path):
    receiver = engines.victoria_metrics(tmp_path)
    with simulated.fleet(HOSTS) as targets, running(receiver):
        # The queue has the settings of Prometheus: the role sets none.
        write = [{"url": f"{receiver.url}/api/v1/write"}]
        variables = {"gpu_monitoring_scrape_interval": f"{INTERVAL}s", "prometheus_remote_write": write}
        prometheus = engines.prometheus(tmp_path, {**targets, **variables})
        with running(prometheus):
            everywhere = f'count(up{{host=~"gpu.*"}} == 1) == {len(HOSTS) * len(simulated.JOBS)}'
            wait_until(lambda: receiver.query(everywhere, time.time()), "not all hosts arrive", 180)
            begin = time.time()
            receiver.stop()
            stopped = time.time()
            _measured_until(prometheus, stopped + OUTAGE)
            assert max(prometheus.own(SENT)) < stopped + INTERVAL, "the receiver was not away"
            assert sum(prometheus.own("prometheus_remote_storage_samples_retried_total")) > 0
            receiver.start()
            back = time.time()
            end = back + 60
            _measured_until(prometheus, end + 3 * INTERVAL)
            wanted = counts(prometheus, begin, end)
            of_scrapes = [count for labels, count in wanted.items() if ("__name__", "up") in labels]
            assert min(of_scrapes) >= 0.8 * (end - begin) / INTERVAL
            wait_until(lambda: min(prometheus.own(SENT)) >= end, "not all is sent", OUTAGE + 600, pause=1)
            print(f"all is sent {time.time() - back:.0f} s after the return")
            # A queue sends each series in order, but not all series at the same pace.
            wait_until(lambda: counts(receiver, begin, end) == wanted, "samples are lost", 300, pause=1)
            print(f"{wanted.total()} samples of {len(wanted)} series arrived, of {end - begin:.0f} s")
            assert sum(prometheus.own("prometheus_remote_storage_samples_failed_total")) == 0


def _measured_until(prometheus, moment):
    """Wait until the newest scrape of each target is after a moment."""
    wait_until(
        lambda: prometheus.query(f"min(timestamp(up)) > {moment}", time.time()),
        "Prometheus does not measure",
        moment - time.time() + 120,
        pause=1,
    )
