"""What a role asks of `container_service`, rendered by Ansible from the role's own files, and a container as it asks
for.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import docker
from docker.models.containers import Container

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.conftest import link_collection
from tests.unit.roles.rendering import fleet, service

link_collection()


def rendered(role: str, name: str, variables: dict[str, Any]) -> dict[str, Any]:
    """Options of a role's service, on a machine that monitors itself, with the role's defaults and these variables."""
    machine = {"this-machine": {"gpu_monitoring_address": "127.0.0.1", **variables}}
    with tempfile.TemporaryDirectory() as folder:
        return service(role, name, fleet(machine, {"this-machine": {}}), "this-machine", Path(folder))


def start(engine: docker.DockerClient, options: dict[str, Any], name: str, image: str, network: str) -> Container:
    """A container with a service's command, mounts, rights and limits, with another name, image and network, and no
    published port.
    """
    return engine.containers.run(
        image,
        options.get("command"),
        name=name,
        detach=True,
        network=network,
        mounts=[
            docker.types.Mount(mount["target"], mount["source"], type=mount["type"], read_only=mount["read_only"])
            for mount in options["mounts"]
        ],
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
