"""What benchmarks do to a lab that is deployed: change values of emulated GPUs, and run playbooks."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.lab import driver, hosts

PLAYBOOKS = Path(__file__).resolve().parents[1] / "playbooks"


class Emulator:
    """The emulated GPUs of hosts. A shell on each host stays open, so that setting a value takes little time."""

    def __init__(self, lab: str, names: Iterable[str]) -> None:
        self._values: dict[str, dict[str, dict[str, float]]] = {host: {} for host in names}
        self._shells: dict[str, subprocess.Popen[str]] = {}
        for host in self._values:
            loop = f'while read -r content; do printf %s "$content" | base64 -d >{driver.STATE_FILE}; done'
            command = [*hosts.ssh_command(lab, host), loop]
            self._shells[host] = subprocess.Popen(command, stdin=subprocess.PIPE, text=True)

    def set(self, host: str, gpu: str, name: str, value: float) -> None:
        """Fix one value of a GPU."""
        self._values[host].setdefault(gpu, {})[name] = value
        self._write(host)

    def close(self) -> None:
        """Let all values go their own ways again."""
        for host, shell in self._shells.items():
            self._values[host] = {}
            self._write(host)
            shell.communicate()

    def _write(self, host: str) -> None:
        content, shell = driver.state(driver.gpus(host), self._values[host]), self._shells[host]
        if shell.poll() is not None or not shell.stdin:
            raise SystemExit(f"The shell on {host} ended.")
        shell.stdin.write(base64.b64encode(content.encode()).decode() + "\n")
        shell.stdin.flush()


def gpus(names: Iterable[str]) -> list[tuple[str, str]]:
    """Host and number of every emulated GPU of the hosts."""
    return [(host, str(number)) for host in names for number in range(len(driver.gpus(host)))]


def deploy(lab: str, variables: Mapping[str, Any], *arguments: str) -> None:
    """Run the playbook site on a lab."""
    playbook("site", lab, variables, *arguments)


def playbook(name: str, lab: str, variables: Mapping[str, Any], *arguments: str) -> None:
    """Run a playbook on a lab."""
    inventory = hosts.folder(lab) / "inventory.yml"
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(inventory), f"{PLAYBOOKS / name}.yml"]
    given = [*arguments, f"--extra-vars={json.dumps(variables)}"]
    done = subprocess.run([*command, *given], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        hint = f"The playbook {name} ended with {done.returncode}: is the lab up, with `make demo`?"
        raise SystemExit(f"{done.stdout}\n{hint}")
