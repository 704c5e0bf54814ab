# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The services' volumes, containers and images, as the Docker engine reports them."""

from __future__ import annotations

import json
import os
from typing import Any, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import docker_socket, service_label
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.errors import BackupError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import volume_data


def connect(docker_host: str) -> docker_socket.Api:
    """The engine. Raises BackupError."""
    try:
        return docker_socket.Api(docker_host)
    except docker_socket.EngineError as error:
        raise BackupError(
            f"docker_host: no Docker engine answers at {docker_host} ({error}). Start the engine."
        ) from error


def volume_folder(api: docker_socket.Api, service: str, volume: str) -> str:
    """The folder of the host that a volume of a service is. Raises BackupError."""
    try:
        folder = volume_data.folder_of(api.get(f"/volumes/{docker_socket.segment(volume)}"))
    except docker_socket.NotFound as error:
        raise BackupError(
            f"{service}_volume: there is no volume {volume}. Deploy {service} with the playbook site first, or leave"
            f" {service} out."
        ) from error
    except docker_socket.EngineError as error:
        raise BackupError(
            f"{service}_volume: the Docker engine did not report the volume {volume}: {error}."
        ) from error
    if not os.path.isdir(folder):
        raise BackupError(f"{service}_volume: the host does not see the folder of the volume {volume}, {folder}.")
    return os.path.realpath(folder)


def containers(api: docker_socket.Api) -> list[dict[str, Any]]:
    """The containers of the services with their images and the digests of these in registries. Raises BackupError."""
    filters = json.dumps({"label": [service_label.LABEL]})
    try:
        listed = api.get("/containers/json", {"all": True, "filters": filters})
        return sorted((_described(api, entry) for entry in listed), key=lambda entry: str(entry["container"]))
    except docker_socket.EngineError as error:
        raise BackupError(f"docker_host: the Docker engine did not report its containers: {error}.") from error


def _described(api: docker_socket.Api, listed: dict[str, Any]) -> dict[str, Any]:
    name = listed["Names"][0].lstrip("/")
    # The list names an image by its ID once the tag is of another image. Restore compares the versions of tags.
    reference = api.get(f"/containers/{docker_socket.segment(name)}/json")["Config"]["Image"]
    try:
        image: Optional[dict[str, Any]] = api.get(f"/images/{docker_socket.segment(listed['ImageID'])}/json")
    except docker_socket.NotFound:
        image = None
    return {
        "service": listed["Labels"][service_label.LABEL],
        "container": name,
        "image": reference,
        "image_id": listed["ImageID"],
        "digests": sorted((image or {}).get("RepoDigests") or []),
    }
