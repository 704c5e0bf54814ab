"""What a person would see: `python -m tests.lab.report` asks Prometheus and Grafana and prints a table of every host.

Also writes `.demo/endpoints.json` with the addresses. Waits until every target has been scraped, a minute at most.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parents[2]
CONTAINERS = 'count by (host) (count by (host, name) (container_memory_usage_bytes{image!="",name!=""}))'
GPUS = "count by (host) (DCGM_FI_DEV_GPU_UTIL)"


def endpoints(name: str) -> dict[str, Any]:
    """Addresses of the lab `name`, with users, the files of their passwords and the authority to trust."""
    hosts = json.loads((ROOT / ".lab" / name / "hosts.json").read_text())
    secrets = ROOT / ".lab" / name / "secrets"
    return {
        "prometheus": f"https://{hosts['monitor1']}:9090",
        "prometheus_user": "prometheus",
        "prometheus_password_file": str(secrets / "prometheus_password"),
        "grafana": f"https://{hosts['monitor1']}:3000",
        "grafana_user": "admin",
        "grafana_password_file": str(secrets / "monitor1" / "grafana_admin_password"),
        "ca_certificate": str(secrets / "ca" / "ca.crt"),
        "hosts": hosts,
    }


def session(where: dict[str, Any], server: str) -> requests.Session:
    """A session for `prometheus` or `grafana`."""
    made = requests.Session()
    made.trust_env, made.verify = False, where["ca_certificate"]
    made.auth = (where[f"{server}_user"], Path(where[f"{server}_password_file"]).read_text().strip())
    return made


def by_host(where: dict[str, Any], query: str) -> dict[str, float]:
    """The query's present value for each label `host`."""
    answer = session(where, "prometheus").get(
        f"{where['prometheus']}/api/v1/query", params={"query": query}, timeout=10
    )
    answer.raise_for_status()
    return {sample["metric"]["host"]: float(sample["value"][1]) for sample in answer.json()["data"]["result"]}


def targets(where: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Health of every target: job, then host."""
    answer = session(where, "prometheus").get(
        f"{where['prometheus']}/api/v1/targets", params={"state": "active"}, timeout=10
    )
    answer.raise_for_status()
    health: dict[str, dict[str, str]] = {}
    for target in answer.json()["data"]["activeTargets"]:
        health.setdefault(target["labels"]["job"], {})[target["labels"]["host"]] = target["health"]
    return health


def wait_for_samples(where: dict[str, Any], deadline: float) -> None:
    """Return once every target is up and every panel has data; raise TimeoutError after the deadline."""
    while True:
        health = targets(where)
        hosts = set(health.get("cadvisor", {}))
        up = all(state == "up" for job in health.values() for state in job.values())
        seen = set(by_host(where, CONTAINERS)), set(by_host(where, GPUS))
        if (
            hosts
            and up
            and hosts <= seen[0]
            and set(health["nvidia-gpu"]) <= seen[1]
            and all(count for _title, count, _values in panels(where))
        ):
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"after 60 s not every target is up and every panel filled: {health} {panels(where)}")
        time.sleep(1)


def panels(where: dict[str, Any]) -> list[tuple[str, int, str]]:
    """Title, number of series and present values of each panel of `ML system monitoring`, asked through Grafana's
    datasource.
    """
    grafana = session(where, "grafana")
    answer = grafana.get(f"{where['grafana']}/api/dashboards/uid/ml-system-monitoring", timeout=10)
    answer.raise_for_status()
    rows = []
    for panel in answer.json()["dashboard"]["panels"]:
        queries = [
            dict(target, datasource=panel["datasource"], instant=True, range=False) for target in panel["targets"]
        ]
        result = grafana.post(
            f"{where['grafana']}/api/ds/query", json={"queries": queries, "from": "now-5m", "to": "now"}, timeout=10
        )
        result.raise_for_status()
        frames = [frame for query_result in result.json()["results"].values() for frame in query_result["frames"]]
        values = [frame["data"]["values"][-1][-1] for frame in frames if frame["data"]["values"]]
        shown = ", ".join(f"{value:.2f}" for value in sorted(values, reverse=True)[:6])
        rows.append((panel["title"], len(values), shown))
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", default="demo", help="name of the lab")
    where = endpoints(parser.parse_args().name)
    demo = ROOT / ".demo"
    demo.mkdir(exist_ok=True)
    staged = demo / "endpoints.json.new"
    staged.write_text(json.dumps(where, indent=2) + "\n")
    os.replace(staged, demo / "endpoints.json")

    wait_for_samples(where, time.monotonic() + 60)
    health, gpus, containers = targets(where), by_host(where, GPUS), by_host(where, CONTAINERS)
    print(f"\n{'host':<10} {'node':<6} {'cadvisor':<10} {'nvidia-gpu':<11} {'GPUs seen':>9} {'containers seen':>16}")
    for host in sorted({host for job in health.values() for host in job}):
        job = {name: hosts.get(host, "-") for name, hosts in health.items()}
        print(
            f"{host:<10} {job['node']:<6} {job['cadvisor']:<10} {job['nvidia-gpu']:<11} {gpus.get(host, 0):>9.0f}"
            f" {containers.get(host, 0):>16.0f}"
        )
    print("\nML system monitoring, through Grafana's datasource")
    for title, count, values in panels(where):
        print(f"  {title:<40} {count} series: {values}")
    print(
        f"\nGrafana     {where['grafana']}  user {where['grafana_user']}, password in {where['grafana_password_file']}"
    )
    print(
        f"Prometheus  {where['prometheus']}  user {where['prometheus_user']},"
        f" password in {where['prometheus_password_file']}"
    )
    print(f"Both have certificates of the authority in {where['ca_certificate']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
