"""What a Prometheus needs for a number of hosts, and what its own host can give."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.prometheus.sizing import GIB, fit

DAY = 86400.0


def size(hosts, interval=5.0, retention=15 * DAY, memory=0, disk=0):
    return fit(hosts, interval, retention, memory, disk)


@pytest.mark.parametrize(
    ("hosts", "memory"),
    [(0, "4g"), (1, "4g"), (145, "4g"), (146, "8g"), (338, "8g"), (339, "16g"), (725, "16g"), (726, "32g")],
)
def test_memory_grows_with_the_hosts_in_large_steps(hosts, memory):
    assert size(hosts)["memory"] == memory
    assert size(hosts)["memory_problem"] == ""


@pytest.mark.parametrize(
    ("memory", "limit"), [(64 * GIB, "4g"), (4 * GIB, "3g"), (2 * GIB, "1536m"), (int(3.7 * GIB), "2816m")]
)
def test_the_memory_of_the_host_limits_it(memory, limit):
    fitted = size(2, memory=memory)
    assert (fitted["memory"], fitted["memory_problem"]) == (limit, "")


def test_a_host_with_too_little_memory_is_named_with_both_numbers():
    fitted = size(400, memory=8 * GIB)
    assert fitted["memory"] == "6g"
    assert fitted["memory_problem"].startswith(
        "Prometheus needs about 9.3 GiB of memory for 400 hosts, and gets 6.0 GiB of the 8.0 GiB of this host."
    )


@pytest.mark.parametrize(
    ("hosts", "interval", "retention", "disk", "limit"),
    [
        (2, 5.0, 15 * DAY, 100 * GIB, ""),
        (23, 5.0, 15 * DAY, 100 * GIB, ""),
        (50, 5.0, 15 * DAY, 100 * GIB, "64GB"),
        (50, 15.0, 15 * DAY, 100 * GIB, ""),
        (50, 5.0, 5 * DAY, 100 * GIB, ""),
        (50, 5.0, 15 * DAY, 0, ""),
        (1, 1.0, 365 * DAY, 1 * GIB, "1GB"),
    ],
)
def test_data_is_limited_where_the_time_does_not_fit_on_the_disk(hosts, interval, retention, disk, limit):
    fitted = size(hosts, interval, retention, disk=disk)
    assert fitted["retention_size"] == limit
    assert bool(fitted["retention_problem"]) == bool(limit)


def test_a_file_system_that_changes_its_size_a_little_changes_nothing():
    assert {size(100, disk=int(share * 100 * GIB))["retention_size"] for share in (0.95, 0.98, 1.0, 1.02)} == {"64GB"}


def test_a_disk_that_is_too_small_is_named_with_the_days_that_it_holds():
    text = size(100, disk=100 * GIB)["retention_problem"]
    assert text.startswith(
        "Prometheus writes about 18.5 GiB a day for 100 hosts, and the disk of this host has 100.0 GiB."
        " So it keeps about 3.5 days."
    )
