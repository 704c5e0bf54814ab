"""After a boot services come back without Ansible, and until then verify says which one does not run, and why."""

from __future__ import annotations

import pytest

from tests.stack import container_state, on, reboot, wait_until

CDI_CONDITION = "/etc/systemd/system/nvidia-cdi-refresh.service.d/lab.conf"


@pytest.fixture
def late_specification():
    """At the next boot of gpu2 the CDI specification comes after the engine, as with toolkits before 1.20.1."""
    on(
        "gpu2",
        f"mkdir -p $(dirname {CDI_CONDITION}) && printf '[Unit]\\nConditionPathExists=/run/late\\n' >{CDI_CONDITION}",
    )
    yield
    on(
        "gpu2",
        f"rm -r $(dirname {CDI_CONDITION}); touch /run/late && systemctl start nvidia-cdi-refresh;"
        " docker start dcgm-exporter training-job",
    )


def test_a_gpu_host_comes_back_when_its_cdi_specification_comes_late(told, prometheus, late_specification):
    reboot("gpu2")
    assert "ordering cycle" not in on("gpu2", "journalctl --no-pager"), "systemd found an ordering cycle"
    wait_until(
        lambda: "unresolvable CDI devices" in container_state("gpu2", "dcgm-exporter")["Error"],
        "the engine gave up on the exporter",
    )
    told(
        "The DCGM exporter of gpu2 does not run: its container dcgm-exporter is exited, and its start failed:"
        " CDI device injection failed"
    )
    assert container_state("gpu2", "container-gpu-collector")["Running"], "the folders of specifications are in /run"
    on("gpu2", "touch /run/late && systemctl start nvidia-cdi-refresh")
    wait_until(lambda: container_state("gpu2", "dcgm-exporter")["Running"], "the exporter is started without Ansible")
    wait_until(
        lambda: prometheus.health().get(("nvidia-gpu", "gpu2")) == "up", "Prometheus gets the GPUs of gpu2 again"
    )
