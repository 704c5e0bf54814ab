"""What a role asks of `container_service`, rendered by Ansible from the role's own files, and a container as it asks for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import docker
import yaml
from docker.models.containers import Container

ROOT = Path(__file__).resolve().parents[2]
MODULE = "mlops.gpu_monitoring.container_service"


def rendered(role: str, variables: dict[str, Any]) -> dict[str, Any]:
    """Options of the one service of a role, with its defaults and these variables."""
    folder = ROOT / "roles" / role
    tasks = yaml.safe_load((folder / "tasks" / "main.yml").read_text())
    asked = next(task[MODULE] for task in tasks if MODULE in task)
    with tempfile.TemporaryDirectory() as work:
        answer, playbook = Path(work) / "options.json", Path(work) / "playbook.yml"
        play = {
            "name": f"Render the role {role}",
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars_files": [str(folder / "defaults" / "main.yml")],
            "vars": {"asked": asked},
            "tasks": [{"name": "Write it", "ansible.builtin.copy": {"dest": str(answer), "content": "{{ asked | to_json }}", "mode": "0600"}}],
        }
        playbook.write_text(yaml.safe_dump([play]))
        given = json.dumps({"ansible_python_interpreter": sys.executable, "gpu_monitoring_address": "127.0.0.1", **variables})
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", "-e", given, str(playbook)]
        paths = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache" / "collections")}
        done = subprocess.run(command, env={**os.environ, **paths}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"Ansible could not render the role {role}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        return dict(json.loads(answer.read_text()))


def start(engine: docker.DockerClient, options: dict[str, Any], name: str, image: str, network: str) -> Container:
    """A container with a service's command, mounts, rights and limits, but with a name, an image and a network of one's own and no published port."""
    return engine.containers.run(
        image,
        options.get("command"),
        name=name,
        detach=True,
        network=network,
        mounts=[docker.types.Mount(one["target"], one["source"], type=one["type"], read_only=one["read_only"]) for one in options["mounts"]],
        cap_drop=options["cap_drop"],
        cap_add=options["cap_add"],
        devices=options["devices"],
        security_opt=options["security_opts"],
        read_only=options["read_only"],
        mem_limit=options["memory"],
    )


def address(container: Container, network: str) -> str:
    """A running container's IP address on a network."""
    container.reload()
    return str(container.attrs["NetworkSettings"]["Networks"][network]["IPAddress"])
