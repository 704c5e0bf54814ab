"""Measures `grafana_resources` against community.grafana on one Grafana, without anything to change.

Each tool declares the same folder, datasource and dashboards, under uids of its own, with a playbook of its own. After
a first run that creates them the two take turns. Both run on the same ansible-core and Python. Exits with 1 if a bar
is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import resource
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

import requests
import yaml

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / ".cache" / "bench"
PACKAGES = WORK / "ansible"
PEER_PACKAGE = "ansible==12.3.0"
OURS, PEER = "ours", "peer"
NAMES = {OURS: "mlops.gpu_monitoring", PEER: "community.grafana"}
QUERIES = {
    "Utilization": "DCGM_FI_DEV_GPU_UTIL",
    "Memory": "DCGM_FI_DEV_FB_USED",
    "Temperature": "DCGM_FI_DEV_GPU_TEMP",
    "Power": "DCGM_FI_DEV_POWER_USAGE",
}
DATASOURCE_URL = "http://prometheus:9090"
INTERVAL = "5s"
URL = "{{ lookup('ansible.builtin.env', 'BENCH_URL') }}"
USERNAME = "{{ lookup('ansible.builtin.env', 'GRAFANA_USER') }}"
PASSWORD = "{{ lookup('ansible.builtin.env', 'GRAFANA_PASSWORD') }}"


@dataclass(frozen=True)
class Case:
    """How many dashboards, how many reruns of the peer at most, and how much faster ours must be.

    With `loop` ours are the modules for one object, too, in a loop over the dashboards.
    """

    name: str
    dashboards: int
    peer_runs: int
    least_ratio: float
    loop: bool = False


_CASES = (Case("B", 4, 99, 3.0), Case("C", 30, 99, 1.0, loop=True), Case("A", 100, 2, 20.0))
CASES = {case.name: case for case in _CASES}


@dataclass(frozen=True)
class Run:
    """What one run of a playbook cost."""

    wall: float
    cpu: float
    requests: int
    writes: int
    server: float
    changed: int


def uid(tool: str) -> str:
    """The uid of a tool's folder and datasource, and how those of its dashboards begin."""
    return f"bench-{tool}"


def model(tool: str, number: int) -> dict[str, Any]:
    """A dashboard of four panels."""
    datasource = {"type": "prometheus", "uid": uid(tool)}
    legend = {"displayMode": "list", "placement": "bottom", "showLegend": True}
    panels = []
    for place, (title, query) in enumerate(QUERIES.items()):
        target = {
            "refId": "A",
            "datasource": datasource,
            "expr": f'{query}{{rack="{number}"}}',
            "legendFormat": "{{gpu}}",
            "range": True,
        }
        panels.append(
            {
                "id": place + 1,
                "type": "timeseries",
                "title": title,
                "datasource": datasource,
                "gridPos": {"x": 12 * (place % 2), "y": 8 * (place // 2), "w": 12, "h": 8},
                "fieldConfig": {
                    "defaults": {"custom": {"drawStyle": "line", "fillOpacity": 10}, "min": 0},
                    "overrides": [],
                },
                "options": {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}},
                "targets": [target],
            }
        )
    return {
        "uid": f"{uid(tool)}-{number:03}",
        "title": f"GPUs of rack {number}",
        "tags": ["gpu"],
        "timezone": "browser",
        "schemaVersion": 41,
        "refresh": INTERVAL,
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": []},
        "annotations": {"list": []},
        "links": [],
        "editable": True,
        "graphTooltip": 1,
        "panels": panels,
    }


def write_models(tool: str, count: int) -> list[str]:
    """The files of a tool's dashboards."""
    folder = WORK / tool
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:03}.json" for number in range(1, count + 1)]
    for number, path in enumerate(paths, 1):
        path.write_text(json.dumps(model(tool, number), indent=2))
    return [str(path) for path in paths]


def our_tasks(paths: list[str]) -> list[dict[str, Any]]:
    """One task."""
    name = uid(OURS)
    declared = {
        "url": URL,
        "username": USERNAME,
        "password": PASSWORD,
        "datasources": [{"uid": name, "name": name, "url": DATASOURCE_URL, "json_data": {"timeInterval": INTERVAL}}],
        "folders": [{"uid": name, "title": name}],
        "dashboards": [
            {"folder_uid": name, "model": f"{{{{ lookup('ansible.builtin.file', '{path}') }}}}"} for path in paths
        ],
    }
    return [{"name": "Declare everything", "mlops.gpu_monitoring.grafana_resources": declared}]


def our_loop(paths: list[str]) -> list[dict[str, Any]]:
    """The same as the peer's tasks, with the modules for one object."""
    name = uid(OURS)
    login = {"url": URL, "username": USERNAME, "password": PASSWORD}
    datasource = {"uid": name, "name": name, "ds_url": DATASOURCE_URL, "json_data": {"timeInterval": INTERVAL}}
    dashboard = {"folder_uid": name, "model": "{{ lookup('ansible.builtin.file', item) }}"}
    return [
        {"name": "Declare the datasource", "mlops.gpu_monitoring.grafana_datasource": {**login, **datasource}},
        {"name": "Declare the folder", "mlops.gpu_monitoring.grafana_folder": {**login, "uid": name, "title": name}},
        {
            "name": "Declare the dashboards",
            "mlops.gpu_monitoring.grafana_dashboard": {**login, **dashboard},
            "loop": paths,
        },
    ]


def peer_tasks(paths: list[str]) -> list[dict[str, Any]]:
    """A task for the datasource, one for the folder, and one for the dashboards, which has a loop."""
    name = uid(PEER)
    login = {"url": URL, "url_username": USERNAME, "url_password": PASSWORD}
    datasource = {
        "name": name,
        "uid": name,
        "ds_type": "prometheus",
        "ds_url": DATASOURCE_URL,
        "time_interval": INTERVAL,
    }
    dashboard = {"path": "{{ item }}", "folder": name, "overwrite": True}
    return [
        {"name": "Declare the datasource", "community.grafana.grafana_datasource": {**login, **datasource}},
        {"name": "Declare the folder", "community.grafana.grafana_folder": {**login, "uid": name, "title": name}},
        {
            "name": "Declare the dashboards",
            "community.grafana.grafana_dashboard": {**login, **dashboard},
            "loop": paths,
        },
    ]


def write_playbook(tool: str, case: Case) -> Path:
    """A tool's playbook for a case."""
    count = case.dashboards
    paths = write_models(tool, count)
    our = our_loop if case.loop else our_tasks
    play = {
        "name": f"Declare {count} dashboards with {NAMES[tool]}",
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "tasks": our(paths) if tool == OURS else peer_tasks(paths),
    }
    playbook = WORK / f"{tool}-{count}.yml"
    playbook.write_text(yaml.safe_dump([play], sort_keys=False, width=1000))
    return playbook


def install_peer() -> str:
    """Install the peer's collection, and return its version."""
    manifest = PACKAGES / "ansible_collections" / "community" / "grafana" / "MANIFEST.json"
    if not manifest.exists():
        pip = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--no-compile",
            "--disable-pip-version-check",
            "--upgrade",
        ]
        subprocess.run([*pip, "--target", str(PACKAGES), PEER_PACKAGE], check=True)
    return str(json.loads(manifest.read_text())["collection_info"]["version"])


@contextlib.contextmanager
def served() -> Iterator[str]:
    """The URL of the Grafana behind the counter, for as long as it is served."""
    with subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("served.py"))], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            port = process.stdout.readline().strip()
            if not port:
                raise SystemExit("The server did not start.")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


class Bench:
    """The Grafana under test and the way to run playbooks against it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.auth = (os.environ["GRAFANA_USER"], os.environ["GRAFANA_PASSWORD"])
        paths = os.pathsep.join(str(path) for path in (ROOT / ".cache" / "collections", PACKAGES))
        self._environment = {
            **os.environ,
            "BENCH_URL": url,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": paths,
        }
        self._environment["ANSIBLE_NOCOLOR"] = "1"

    def version(self) -> str:
        """Grafana's version."""
        return str(self._ask("/api/health").get("version", ""))

    def run(self, playbook: Path) -> Run:
        """Run a playbook, and measure it."""
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,"]
        command += ["-e", f"ansible_python_interpreter={sys.executable}", str(playbook)]
        before, cpu, begin = self._ask("/-/count"), _cpu(), time.perf_counter()
        done = subprocess.run(
            command, env=self._environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        wall, cpu, after = time.perf_counter() - begin, _cpu() - cpu, self._ask("/-/count")
        recap = re.search(r"changed=(\d+) +unreachable=0 +failed=0", done.stdout)
        if done.returncode or not recap:
            raise SystemExit(f"{playbook.name} failed:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
        counted = {key: after[key] - before[key] for key in after}
        return Run(wall, cpu, counted["requests"], counted["writes"], counted["seconds"], int(recap[1]))

    def require(self, tool: str, count: int) -> None:
        """Raise if a tool's folder does not hold so many dashboards."""
        dashboards = self._ask(f"/api/search?type=dash-db&folderUIDs={uid(tool)}&limit=5000")
        if len(dashboards) != count:
            raise SystemExit(f"{NAMES[tool]} left {len(dashboards)} dashboards in its folder instead of {count}.")

    def clean(self) -> None:
        """Remove what the tools made."""
        for tool in NAMES:
            for path in (f"/api/folders/{uid(tool)}", f"/api/datasources/uid/{uid(tool)}"):
                self._session.delete(self._url + path, timeout=60)

    def _ask(self, path: str) -> Any:
        answer = self._session.get(self._url + path, timeout=60)
        answer.raise_for_status()
        return answer.json()


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(bench: Bench, case: Case, reruns: int) -> dict[str, Any]:
    """Create with both tools, then run them in turns. `changed` is the highest of any rerun."""
    playbooks = {tool: write_playbook(tool, case) for tool in NAMES}
    turns = {OURS: reruns, PEER: min(reruns, case.peer_runs)}
    runs: dict[str, list[Run]] = {tool: [] for tool in NAMES}
    for turn in range(reruns + 1):
        for tool, playbook in playbooks.items():
            if turn > turns[tool]:
                continue
            run = bench.run(playbook)
            print(f"  {'create' if turn == 0 else f'rerun {turn}'}, {NAMES[tool]}: {run.wall:.1f} s", flush=True)
            if turn == 0:
                bench.require(tool, case.dashboards)
            else:
                runs[tool].append(run)
    costs = ("wall", "cpu", "requests", "writes", "server")
    medians = {
        tool: {cost: median(getattr(run, cost) for run in tool_runs) for cost in costs}
        for tool, tool_runs in runs.items()
    }
    changed = {tool: max(run.changed for run in tool_runs) for tool, tool_runs in runs.items()}
    ratio = medians[PEER]["wall"] / medians[OURS]["wall"]
    return {
        "case": asdict(case),
        "runs": {tool: [asdict(run) for run in tool_runs] for tool, tool_runs in runs.items()},
        "medians": medians,
        "changed": changed,
        "ratio": ratio,
        "met": ratio >= case.least_ratio and not changed[OURS],
    }


def table(result: dict[str, Any]) -> str:
    """A case as text."""
    case = result["case"]
    tasks = ", a loop over single-object modules" if case["loop"] else ""
    lines = [
        f"\n{case['name']}. {case['dashboards']} dashboards, 1 folder, 1 datasource, nothing to change{tasks} (medians)"
    ]
    lines.append(
        f"{'':22}{'reruns':>7}{'wall s':>9}{'CPU s':>8}{'requests':>10}{'no GET':>8}{'server s':>10}{'changed':>9}"
    )
    for tool, name in NAMES.items():
        medians = result["medians"][tool]
        start = f"{name:22}{len(result['runs'][tool]):7}{medians['wall']:9.2f}{medians['cpu']:8.2f}"
        lines.append(
            f"{start}{medians['requests']:10.0f}{medians['writes']:8.0f}{medians['server']:10.2f}"
            f"{result['changed'][tool]:9}"
        )
    lines.append(
        f"{result['ratio']:.1f} times faster; the bar is {case['least_ratio']:.0f}, and no change:"
        f" {'met' if result['met'] else 'MISSED'}"
    )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--reruns", type=int, default=3, help="reruns of each tool; with 100 dashboards the peer has 2 at most"
    )
    parser.add_argument("--case", choices=sorted(CASES), action="append", help="only this case")
    given = parser.parse_args()
    if given.reruns < 1:
        parser.error("--reruns: at least 1")
    os.environ.setdefault("GRAFANA_USER", "admin")
    if not os.environ.get("GRAFANA_URL"):
        os.environ["GRAFANA_PASSWORD"] = secrets.token_hex(16)
    WORK.mkdir(parents=True, exist_ok=True)
    peer_version = install_peer()
    with served() as url:
        bench = Bench(url)
        kind = "the real one at GRAFANA_URL" if os.environ.get("GRAFANA_URL") else "the lab's STAND-IN, not a real one"
        setup = {
            "grafana": f"{bench.version()}, {kind}",
            "ansible-core": metadata.version("ansible-core"),
            "python": sys.version.split()[0],
            "community.grafana": peer_version,
        }
        print(", ".join(f"{name} {value}" for name, value in setup.items()), flush=True)
        try:
            results = []
            for case in CASES.values():
                if not given.case or case.name in given.case:
                    print(f"\nCase {case.name}", flush=True)
                    results.append(measure(bench, case, given.reruns))
        finally:
            bench.clean()
    print("\n".join(table(result) for result in results))
    (WORK / "grafana.json").write_text(json.dumps({"setup": setup, "results": results}, indent=2) + "\n")
    return 0 if all(result["met"] for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
