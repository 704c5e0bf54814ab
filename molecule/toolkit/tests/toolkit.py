"""Shared by the tests of the NVIDIA container toolkit: commands on hosts of the lab, counting jobs, and the role on a
separate host.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from tests.lab import hosts, images, shell
from tests.stack import INVENTORY, LAB_NAME, ROOT, Run, image, on, run_playbook

HOST = hosts.GPU_SPARE
ROLE = "mlops.gpu_monitoring.nvidia_container_toolkit"
PACKAGES = [
    "libnvidia-container-tools",
    "libnvidia-container1",
    "nvidia-container-toolkit",
    "nvidia-container-toolkit-base",
]
OLDER = (ROOT / "tests" / "lab" / "toolkit" / "older-version.txt").read_text().strip()
PRESENT = (ROOT / "tests" / "lab" / "toolkit" / "version.txt").read_text().strip()
LISTS = "/etc/apt/sources.list.d"
COUNTER = "while true; do date +%s%N >> /tmp/steps; sleep 0.1; done"
QUERIES = {
    "dpkg": r"dpkg-query --show --showformat '${db:Status-Status} ${Package} ${Version}\n'",
    "rpm": r"rpm --query --queryformat 'installed %{NAME} %{VERSION}\n'",
}


def packages(name: str, manager: str = "dpkg") -> dict[str, str]:
    """Version, without the revision, of each of the four packages that is there."""
    lines = on(name, f"{QUERIES[manager]} {' '.join(PACKAGES)} 2>/dev/null || true").splitlines()
    return {line.split()[1]: line.split()[2].split("-")[0] for line in lines if line.startswith("installed ")}


def engine(name: str) -> str:
    """The engine's process, and how often it was told to reload."""
    return on(
        name,
        "systemctl show docker --property MainPID; journalctl --unit docker --no-pager | grep --count"
        " 'Got signal to reload' || true",
    )


def start_job(name: str, job: str, *options: str) -> None:
    """Start a container that writes the time every 100 ms."""
    on(name, f"docker run --detach --name {job} {' '.join(options)} --entrypoint /bin/sh {image()} -c '{COUNTER}'")


def jobs() -> dict[tuple[str, str], str]:
    """When each job of each host started."""
    started = {}
    for name in ("gpu1", "gpu2", HOST):
        if shell.succeeds("docker", "container", "inspect", hosts.container(LAB_NAME, name)):
            listed = on(
                name,
                "docker ps --quiet --filter name=job | xargs --no-run-if-empty docker inspect --format"
                " '{{.Name}} {{.State.StartedAt}}'",
            )
            started |= {(name, line.split()[0].lstrip("/")): line.split()[1] for line in listed.splitlines()}
    return started


def start_spare() -> None:
    """Create gpu3: a host with an engine, a GPU, the emulated driver, and a job that counts, and nothing else."""
    of_gpu1 = shell.run("docker", "inspect", "--format", "{{.Config.Image}}", hosts.container(LAB_NAME, "gpu1"))
    hosts.start(LAB_NAME, HOST, of_gpu1, images.emulated_driver())
    start_job(HOST, "job")


def end_jobs(end: Callable[[str, str], str], *kept: str) -> None:
    """End the jobs of gpu3 but these."""
    for name, job in jobs():
        if name == HOST and job not in kept:
            end(name, job)


def longest_pause(name: str, job: str) -> float:
    """The longest time in seconds that a job's counter did not change."""
    now, *steps = on(name, f"docker exec {job} sh -c 'date +%s%N; cat /tmp/steps'").split()
    moments = [int(step) / 1e9 for step in (*steps, now)]
    return max(later - earlier for earlier, later in zip(moments, moments[1:], strict=False))


class RoleOnSpare:
    """Runs the role on the spare host, with the variables of the lab's inventory and these."""

    def __init__(self, folder: Path, **variables: Any) -> None:
        self._inventory, self._playbook = folder / "inventory.yml", folder / "playbook.yml"
        everything = {**yaml.safe_load(INVENTORY.read_text())["all"]["vars"], **variables}
        self._inventory.write_text(
            yaml.safe_dump(
                {"all": {"hosts": {HOST: {"ansible_host": hosts.address(LAB_NAME, HOST)}}, "vars": everything}}
            )
        )

    def __call__(self, *arguments: str, **given: Any) -> Run:
        return self.play({"hosts": "all", "gather_facts": False, "roles": [ROLE]}, *arguments, **given)

    def play(self, content: dict[str, Any], *arguments: str, **given: Any) -> Run:
        """Run another play on that host."""
        self._playbook.write_text(yaml.safe_dump([content]))
        return run_playbook(self._playbook, *arguments, inventory=self._inventory, variables=given)


def assert_done(run: Run, changed: bool | None = None) -> None:
    assert run.code == 0, run.output
    if changed is not None:
        assert bool(sum(counts["changed"] for counts in run.recap.values())) == changed, run.output


def assert_refused(run: Run, *words: str) -> None:
    assert run.code != 0, run.output
    assert "Traceback" not in run.output
    for word in words:
        assert word in run.error, run.output


def assert_skipped(run: Run, *words: str) -> None:
    """The run went on and changed nothing, with a warning that has these words."""
    assert_done(run, changed=False)
    warnings = run.error.partition("[WARNING]")[2]
    for word in words:
        assert word in warnings, run.output
