"""Measures an unchanged run of `playbooks/site.yml` against one of `peer/site.yml`, written by hand for the same stack.

Each has a lab of three hosts of its own. After the first deployment and one rerun that counts remote executions the
two take turns.
Exits with 1 if a bar is missed or a rerun reports a change.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

import requests

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from grafana import PACKAGES, install_peer

from tests.callback import remote_executions
from tests.lab import hosts

WORK = ROOT / ".cache" / "bench"
MODELS = WORK / "rerun-models"
PEER_FOLDER = Path(__file__).with_name("peer")
PEER_LOGIN = ("admin", "a-password-of-the-benchmark")
OURS, PEER = "ours", "peer"
# At most these shares of the peer's wall time and controller CPU, and so many remote executions on a host of a group.
MOST_WALL, MOST_CPU = 0.6, 1.3
MOST_EXECUTIONS = {"gpu_hosts": 8, "monitoring": 5}
GROUPS = {"monitor1": "monitoring", "gpu1": "gpu_hosts", "gpu2": "gpu_hosts"}


@dataclass(frozen=True)
class Contender:
    """A playbook and the lab that it deploys to."""

    name: str
    lab: str
    playbook: Path
    variables: dict[str, Any]


@dataclass(frozen=True)
class Run:
    """What one run of a playbook cost."""

    wall: float
    cpu: float
    changed: int


def children_cpu() -> float:
    """CPU seconds of the processes that ended under this one."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(contender: Contender, playbook: Path, environment: dict[str, str] | None = None) -> Run:
    """Run a playbook on the contender's lab, and measure it."""
    paths = os.pathsep.join(str(path) for path in (ROOT / ".cache" / "collections", PACKAGES))
    fixed = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_COLLECTIONS_PATH": paths, "ANSIBLE_NOCOLOR": "1"}
    complete = {**os.environ, **fixed, **(environment or {})}
    inventory = hosts.folder(contender.lab) / "inventory.yml"
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(inventory)]
    command += ["-e", json.dumps(contender.variables), str(playbook)]
    cpu, begin = children_cpu(), time.perf_counter()
    done = subprocess.run(command, env=complete, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    wall, cpu = time.perf_counter() - begin, children_cpu() - cpu
    counts = re.findall(r"changed=(\d+) +unreachable=0 +failed=0", done.stdout)
    if done.returncode or not counts:
        raise SystemExit(f"{playbook} failed:\n{done.stdout[-6000:]}\n{done.stderr[-2000:]}")
    return Run(wall, cpu, sum(map(int, counts)))


def bring_up(lab: str) -> None:
    """Start the hosts of a lab."""
    command = [sys.executable, "-m", "tests.lab", "up", "--name", lab]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def write_models(lab: str) -> list[str]:
    """Write the dashboards that our Grafana has, for the peer to declare; returns their uids, which name the files."""
    secrets, url = hosts.folder(lab) / "secrets", f"https://{hosts.address(lab, 'monitor1')}:3000"
    session = requests.Session()
    session.trust_env, session.verify = False, str(secrets / "ca" / "ca.crt")
    session.auth = ("admin", (secrets / "monitor1" / "grafana_admin_password").read_text().strip())
    MODELS.mkdir(parents=True, exist_ok=True)
    for old in MODELS.iterdir():
        old.unlink()
    uids = [dashboard["uid"] for dashboard in session.get(f"{url}/api/search?type=dash-db", timeout=30).json()]
    for uid in uids:
        model = session.get(f"{url}/api/dashboards/uid/{uid}", timeout=30).json()["dashboard"]
        (MODELS / f"{uid}.json").write_text(json.dumps({"dashboard": {**model, "id": None}}))
    return sorted(uids)


def require_peer(lab: str, dashboards: list[str]) -> None:
    """Raise if the peer's tasks for Grafana left something out."""
    session = requests.Session()
    session.trust_env, session.auth = False, PEER_LOGIN
    url = f"http://{hosts.address(lab, 'monitor1')}:3000"
    datasource = session.get(f"{url}/api/datasources/uid/prometheus", timeout=30)
    declared = session.get(f"{url}/api/search?type=dash-db", timeout=30).json()
    in_folder = {dashboard["uid"] for dashboard in declared if dashboard.get("folderTitle") == "GPU monitoring"}
    if datasource.status_code != 200 or in_folder != set(dashboards):
        raise SystemExit(f"The peer's Grafana: datasource {datasource.status_code}, dashboards {declared}")


def deploy(ours: Contender, peer_lab: str) -> Contender:
    """Deploy both stacks; returns the peer."""
    print(f"deploy ours to the lab {ours.lab}: {run(ours, ours.playbook).wall:.0f} s", flush=True)
    dashboards = write_models(ours.lab)
    variables = {"peer_models": str(MODELS), "peer_dashboards": dashboards}
    peer = Contender(PEER, peer_lab, PEER_FOLDER / "site.yml", variables)
    run(peer, PEER_FOLDER / "prepare.yml")
    print(f"deploy the peer to the lab {peer.lab}: {run(peer, peer.playbook).wall:.0f} s", flush=True)
    require_peer(peer.lab, dashboards)
    return peer


def count(contender: Contender) -> dict[str, list[str]]:
    """Modules that an unchanged run executes on each host."""
    file = WORK / f"rerun-{contender.name}.executions"
    file.unlink(missing_ok=True)
    counted = run(contender, contender.playbook, remote_executions.environment(file))
    if counted.changed:
        raise SystemExit(f"{contender.playbook}: the first rerun reports {counted.changed} changes")
    return remote_executions.executions(file)


def measure(contenders: list[Contender], rounds: int) -> dict[str, list[Run]]:
    """Run the contenders in turns."""
    runs: dict[str, list[Run]] = {contender.name: [] for contender in contenders}
    for turn in range(rounds):
        for contender in contenders if turn % 2 == 0 else reversed(contenders):
            done = run(contender, contender.playbook)
            runs[contender.name].append(done)
            costs = f"{done.wall:.1f} s, {done.cpu:.1f} s of CPU, changed={done.changed}"
            print(f"rerun {turn + 1}, {contender.name}: {costs}", flush=True)
    return runs


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="reruns of each")
    parser.add_argument("--ours", default="bench", choices=hosts.LABS, help="the lab of playbooks/site.yml")
    parser.add_argument("--peer", default="peer", choices=hosts.LABS, help="the lab of the peer")
    given = parser.parse_args()
    if given.rounds < 1 or given.ours == given.peer:
        parser.error("at least one round, and two labs")
    WORK.mkdir(parents=True, exist_ok=True)
    install_peer()
    for lab in (given.ours, given.peer):
        bring_up(lab)
    ours = Contender(OURS, given.ours, ROOT / "playbooks" / "site.yml", {})
    peer = deploy(ours, given.peer)
    executions = {contender.name: count(contender) for contender in (ours, peer)}
    runs = measure([ours, peer], given.rounds)

    costs = ("wall", "cpu")
    medians = {
        name: {cost: median(getattr(rerun, cost) for rerun in reruns) for cost in costs}
        for name, reruns in runs.items()
    }
    ratios = {cost: medians[OURS][cost] / medians[PEER][cost] for cost in costs}
    changed = {name: max(rerun.changed for rerun in reruns) for name, reruns in runs.items()}
    print(f"\nansible-core {metadata.version('ansible-core')}, {given.rounds} unchanged runs of each in turn, medians")
    print(f"{'':8}{'wall s':>9}{'CPU s':>9}{'changed':>9}  remote executions")
    for name, of_hosts in executions.items():
        shown = ", ".join(f"{host} {len(modules)}" for host, modules in sorted(of_hosts.items()))
        print(f"{name:8}{medians[name]['wall']:9.1f}{medians[name]['cpu']:9.1f}{changed[name]:9}  {shown}")
    bars = {
        f"wall {ratios['wall']:.2f} of the peer's, at most {MOST_WALL}": ratios["wall"] <= MOST_WALL,
        f"controller CPU {ratios['cpu']:.2f} of the peer's, at most {MOST_CPU}": ratios["cpu"] <= MOST_CPU,
        f"remote executions: at most {MOST_EXECUTIONS}": all(
            len(modules) <= MOST_EXECUTIONS[GROUPS[host]] for host, modules in executions[OURS].items()
        ),
        "nothing changed": not any(changed.values()),
    }
    for statement, met in bars.items():
        print(f"{statement}: {'met' if met else 'MISSED'}")
    result = {"medians": medians, "ratios": ratios, "executions": executions, "bars": bars}
    result["runs"] = {name: [asdict(rerun) for rerun in reruns] for name, reruns in runs.items()}
    (WORK / "rerun.json").write_text(json.dumps(result, indent=2) + "\n")
    return 0 if all(bars.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
