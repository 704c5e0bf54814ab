"""Measures the playbook site on unchanged hosts, without the hosts: wall time of the checks, CPU time and memory of the
controller.

CPU time is counted in tasks of ansible.builtin.debug for the same hosts, since CPU seconds differ between machines and
between hours of a virtual machine. The count is for hundreds of hosts: the start of ansible-playbook counts too.

A connection plugin answers for the hosts. A first run, which does not count, creates certificates and passwords. Exits
with 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
STAND_IN = Path(__file__).with_name("many_hosts")
# The first play that asks a host.
LOOK = "PLAY [Inspect all hosts]"
SITE = ROOT / "playbooks" / "site.yml"
CHECK_SECONDS, CPU_IN_TASKS = 20.0, 60
DEBUG_TASKS = 10


@dataclass(frozen=True)
class Run:
    """What one run of the playbook took."""

    checks: float
    wall: float
    cpu: float
    # MiB of the largest process.
    memory: int
    hosts: int
    changed: int
    output: str

    @property
    def cpu_per_host(self) -> float:
        """Seconds of CPU time of the controller."""
        return self.cpu / self.hosts

    def in_tasks(self, task: float) -> float:
        """CPU time of a host, as a number of tasks that take so many seconds of CPU time."""
        return self.cpu_per_host / task

    def missed(self, task: float) -> list[str]:
        """The bars that the run missed."""
        tasks = self.in_tasks(task)
        bars = {
            f"the checks took {self.checks:.1f} s, not {CHECK_SECONDS:.0f} s at most": self.checks <= CHECK_SECONDS,
            f"a host took the CPU time of {tasks:.0f} tasks, not {CPU_IN_TASKS} at most": tasks <= CPU_IN_TASKS,
            f"{self.changed} hosts reported a change": self.changed == 0,
        }
        return [text for text, kept in bars.items() if not kept]


def inventory(hosts: int, secrets: Path) -> dict[str, Any]:
    """A fleet of GPU hosts and a monitoring host, with the addresses of a private network."""
    variables = {
        "ansible_connection": "unchanged_host",
        "ansible_python_interpreter": "/usr/bin/python3",
        "gpu_monitoring_secrets_dir": str(secrets),
        "grafana_admin_password": "a password of the benchmark",
    }
    gpu_hosts = {
        f"gpu{number}": {"ansible_host": f"10.1.{number // 250}.{number % 250 + 1}"} for number in range(1, hosts)
    }
    children = {"gpu_hosts": {"hosts": gpu_hosts}, "monitoring": {"hosts": {"monitor1": {"ansible_host": "10.2.0.1"}}}}
    return {"all": {"vars": variables, "children": children}}


def run(source: Path, hosts: int, playbook: Path, *arguments: str) -> Run:
    """Run a playbook for the hosts of an inventory."""
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache" / "collections"),
        "ANSIBLE_CONNECTION_PLUGINS": str(STAND_IN / "connection"),
        "ANSIBLE_NOCOLOR": "1",
    }
    command = [
        sys.executable,
        "-m",
        "ansible",
        "playbook",
        "--inventory",
        str(source),
        *arguments,
        str(playbook),
    ]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    first = look = started
    lines = []
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout or ():
            lines.append(line)
            if line.startswith("PLAY [") and first == started:
                first = time.monotonic()
            if line.startswith(LOOK):
                look = time.monotonic()
    wall, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    output = "".join(lines)
    if process.returncode:
        raise RuntimeError(f"The playbook failed:\n{_failures(output)}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    memory = after.ru_maxrss // 1024
    return Run(look - first, wall, cpu, memory, hosts, len(re.findall(r"changed=[1-9]", output)), output)


def _failures(output: str) -> str:
    """The first lines that say what failed, else the end of the output."""
    failed = [line for line in output.splitlines() if line.startswith(("fatal", "[ERROR]"))]
    return "\n".join(failed[:3]) or output[-2000:]


def debug_task(folder: Path, source: Path, hosts: int) -> float:
    """Seconds of CPU time of a task of ansible.builtin.debug for one host."""
    playbook = folder / "debug.yml"
    task = {"name": "Show the host", "ansible.builtin.debug": {"var": "inventory_hostname"}}
    playbook.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [task] * DEBUG_TASKS}]))
    return run(source, hosts, playbook).cpu_per_host / DEBUG_TASKS


def measure(hosts: int, batch: str) -> Iterator[tuple[str, Run, float]]:
    """A run that changes nothing, and a dry run of it. With each is the CPU time of a task at that time."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "inventory.json"
        source.write_text(json.dumps(inventory(hosts, folder / "secrets")))
        run(source, hosts, SITE, "--tags=tls", "--extra-vars=tls_new_secrets=true")
        batches = f"--extra-vars=gpu_monitoring_batch_size={batch}"
        for kind, arguments in (("run", ()), ("dry run", ("--check",))):
            task = debug_task(folder, source, hosts)
            yield kind, run(source, hosts, SITE, batches, *arguments), task


def main() -> int:
    """Print a line for each run, and what it missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=200)
    parser.add_argument("--batch", default="100%", help="GPU hosts that are deployed at a time, such as 50 or 10%%")
    given = parser.parse_args()
    hosts, missed = given.hosts, []
    for name, done, task in measure(hosts, given.batch):
        print(
            f"{hosts} hosts, {name}: checks {done.checks:.1f} s, all {done.wall:.1f} s,"
            f" CPU time {done.cpu_per_host:.2f} s a host or {done.in_tasks(task):.0f} tasks, memory {done.memory} MiB",
            flush=True,
        )
        missed += [f"{name}: {text}" for text in done.missed(task)]
    print("\n".join(missed) or "Every bar is kept.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
