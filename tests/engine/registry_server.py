"""A registry in a container of this machine's engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Optional

import docker
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.password_hashes import web_password_hash

from tests.engine.fleet import wait_until
from tests.engine.image import PREFIX
from tests.lab import images
from tests.lab.services import registry_answers

USER, PASSWORD = "puller", "correct-horse-battery"
_CONFIG = """
version: 0.1
log: {level: warn}
storage: {filesystem: {rootdirectory: /var/lib/docker-registry}}
http: {addr: ":5000"}
auth: {htpasswd: {realm: test, path: /etc/registry/htpasswd}}
"""


@contextmanager
def running(name: str, folder: Optional[Path] = None) -> Iterator[str]:
    """The address of a registry. With a folder, which gets its configuration, the registry wants a login."""
    config, volumes = "/etc/docker-registry.yml", {}
    if folder:
        (folder / "config.yml").write_text(_CONFIG)
        (folder / "htpasswd").write_text(f"{USER}:{web_password_hash(PASSWORD, USER)}\n")
        config, volumes = "/etc/registry/config.yml", {str(folder): {"bind": "/etc/registry", "mode": "ro"}}
    client = docker.from_env()
    container = client.containers.run(
        images.build("services", images.bases()),
        ["docker-registry", "serve", config],
        name=f"{name}-{PREFIX.rpartition('-')[2]}",
        detach=True,
        ports={"5000/tcp": ("127.0.0.1", None)},
        volumes=volumes,
    )
    try:
        container.reload()
        address = f"127.0.0.1:{container.ports['5000/tcp'][0]['HostPort']}"
        wait_until(lambda: registry_answers(address, 401 if folder else 200), lambda: container.logs().decode())
        yield address
    finally:
        container.remove(force=True, v=True)
        client.close()
