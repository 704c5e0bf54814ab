"""The EXAMPLES of container_service with a real Prometheus on this machine's engine."""

from __future__ import annotations

import re

from tests import examples
from tests.engine.fleet import prometheus_image
from tests.engine.image import PREFIX
from tests.engine.watch import free_port
from tests.unit.plugins.action.monitoring_host import run_tasks

(MODULE,) = examples.run_by(__file__)


def test_the_examples_deploy_reload_and_remove_services(api, images, name, tmp_path):
    places = {
        "docker.io/prom/prometheus:v3.13.5": prometheus_image(),
        "docker.io/prom/node-exporter:v1.12.1": images[0],
        "name: prometheus": f"name: {name}-prometheus",
        "name: node-exporter": f"name: {name}-node-exporter",
        "prometheus-data": f"{PREFIX}-data",
        "[monitoring]": f"[{PREFIX}]",
        "host_port: 9090": f"host_port: {free_port()}",
        "/etc/gpu_monitoring": str(tmp_path / "etc"),
    }
    deploy, *others = examples.read(MODULE, places)
    (tmp_path / "prometheus.yml.j2").write_text("global: {scrape_interval: {{ interval | default('1m') }}}")
    same_container = "first.services[0].container.id == reloaded.services[0].container.id"
    tasks = [
        {**deploy, "register": "first"},
        deploy,
        {**deploy, "vars": {"interval": "30s"}, "register": "reloaded"},
        {"name": "Compare the containers", "ansible.builtin.assert": {"that": same_container}},
        *others,
    ]
    done = run_tasks(tmp_path, tasks)
    assert done.returncode == 0, done.stdout + done.stderr
    shown = re.findall(r"^TASK \[(.*)\] \*+\n(?:.*\n)?(ok|changed): ", done.stdout, re.MULTILINE)
    assert [status for _task, status in shown] == ["changed", "ok", "changed", "ok", "ok", "changed", "changed"], shown
    assert api.containers(all=True, filters={"name": name}) == []
