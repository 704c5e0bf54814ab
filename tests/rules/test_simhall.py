"""Faults of simhall, GPU hosts that somebody else simulates: each raises the alert that belongs to it.

simhall serves the names of DCGM exporter 4.8.2, fewer fields than our counters have, and values that stand still.
"""

from __future__ import annotations

import re
import sys
from typing import Any

import pytest

from tests.rules.alert_series import STALE, Part, Series
from tests.rules.promtool_cases import case, expectation

if sys.version_info < (3, 12):
    pytest.skip("simhall needs Python 3.12", allow_module_level=True)

from simhall import Hall, HallSpec
from simhall import faults as simulated

NODE = "node1"
HEALTHY, FAULTY = 24, 40
SAMPLE = re.compile(r"(?m)^(\w+)\{(.*)\} (\S+)$")
# What the relabelling of the job nvidia-gpu drops.
DROPPED = {"Hostname"}
FIRING = 'group by (alertname, gpu) (ALERTS{alertstate="firing",alertname!="Watchdog"})'


def measured(hall: Hall) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """What Prometheus gets of the node: values by name and labels, and whether the scrape worked."""
    up = hall.reach(NODE, "dcgm") == "ok"
    job = (("job", "nvidia-gpu"), ("host", NODE), ("instance", NODE))
    values = {("up", job): float(up), ("up", (("job", "node"), ("host", NODE), ("instance", "b"))): 1.0}
    for name, labels, value in SAMPLE.findall(hall.dcgm_metrics(NODE) if up else ""):
        pairs = tuple(pair for pair in re.findall(r'(\w+)="([^"]*)"', labels) if pair[0] not in DROPPED)
        values[(name, (*job, *pairs))] = float(value)
    return values


def timeline(fault: simulated.Fault | None) -> list[Series]:
    """The series of a node that is healthy until the fault."""
    hall = Hall.generate(HallSpec(site="hall", nodes_per_rack=1))
    before = measured(hall)
    if fault:
        hall.inject(fault)
    after = measured(hall)

    def parts(key: Any) -> tuple[Part, ...]:
        later: Part = (after[key], 0, FAULTY) if key in after else (STALE, 0, 1)
        return ((before[key], 0, HEALTHY), later)

    return [Series(name, dict(labels), parts((name, labels))) for name, labels in before]


@pytest.mark.parametrize(
    ("fault", "alerts"),
    [
        (None, []),
        (simulated.gpu_unhealthy(NODE, 2), ['alertname="GpuXidRestartHost",gpu="2"']),
        (simulated.gpu_unhealthy(NODE, 1, xid=94), ['alertname="GpuXidWatch",gpu="1"']),
        (simulated.gpu_missing(NODE, 3), ['alertname="GpuMissing",gpu="3"']),
        (simulated.nvlink_degraded(NODE), [f'alertname="GpuNvlinkErrors",gpu="{gpu}"' for gpu in range(4)]),
        (simulated.unreachable_node(NODE, "http_500"), ['alertname="GpuExporterDown"']),
    ],
    ids=["healthy", "XID 79", "XID 94", "missing", "NVLink", "unreachable"],
)
def test_a_fault_raises_the_alert_that_belongs_to_it(test_rules, fault, alerts):
    test_rules(
        [case("simhall", timeline(fault), expectation(FIRING, HEALTHY - 1), expectation(FIRING, HEALTHY + 9, *alerts))]
    )
