"""Hosts of older Debian releases join the fleet: Docker 20.10, with Python 3.11 and a GPU, and with Python 3.9 and
none.
"""

from __future__ import annotations

import json

import pytest
import yaml

from tests.lab import hosts, images
from tests.stack import INVENTORY, LAB_NAME, ROOT, on, run_playbook, wait_until

EXPORTERS = {"debian12": ["cadvisor", "nvidia-gpu", "node"], "debian11": ["cadvisor", "node"]}


# An image of an older release takes minutes to build.
pytestmark = pytest.mark.long


@pytest.fixture(params=["debian12", "debian11"])
def joined(request, site, tmp_path):
    """A host beside the others, and an inventory that has it too; afterwards the fleet is as it was."""
    name = request.param
    hosts.start(LAB_NAME, name, images.debian_host(hosts.RELEASES[name]), images.emulated_driver())
    inventory = yaml.safe_load(INVENTORY.read_text())
    inventory["all"]["children"]["gpu_hosts"]["hosts"][name] = {"ansible_host": hosts.address(LAB_NAME, name)}
    path = tmp_path / "inventory.yml"
    path.write_text(json.dumps(inventory))
    yield name, path
    hosts.remove(LAB_NAME, name)
    run = site("--limit", "monitor1")
    assert run.code == 0, run.output


def test_a_host_of_an_older_release_joins(joined, site, prometheus):
    name, inventory = joined
    limit = ("--limit", f"{name},monitor1")
    first = site(*limit, inventory=inventory)
    assert first.code == 0, first.output
    again = site(*limit, inventory=inventory)
    assert (again.code, {host: counts["changed"] for host, counts in again.recap.items()}) == (
        0,
        {name: 0, "monitor1": 0},
    ), again.output
    wait_until(
        lambda: all(prometheus.health().get((job, name)) == "up" for job in EXPORTERS[name]),
        f"the exporters of {name} are up",
    )
    assert {host for _job, host in prometheus.health() if _job == "nvidia-gpu"} - {name} == {"gpu1", "gpu2"}
    report = inventory.with_name("verify.json")
    verify = run_playbook(
        ROOT / "playbooks" / "verify.yml", inventory=inventory, variables={"verify_report": str(report)}
    )
    assert verify.code == 0, verify.output
    versions = {"debian12": ("20.10", "3.11"), "debian11": ("20.10", "3.9")}
    engine, python = on(name, "docker version --format '{{.Server.Version}}'"), on(name, "/usr/bin/python3 --version")
    assert versions[name][0] in engine and f"Python {versions[name][1]}." in python
