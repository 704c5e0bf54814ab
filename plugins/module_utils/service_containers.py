# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How to distinguish the containers of the collection's services from others."""

from __future__ import annotations

import json
from typing import TypedDict

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import docker_socket, service_label

# Suffixes of the service's name for the containers of a deployment: the new one, the previous one, and the validator's.
NEXT, PREVIOUS, VALIDATOR = ".next", ".previous", ".validation"


class StoppedService(TypedDict):
    """A service whose container does not run. `error` says why its start failed, and is empty if it was stopped."""

    service: str
    container: str
    status: str
    error: str


def stopped_services(api: docker_socket.Api) -> list[StoppedService]:
    """The services whose container does not run, by name. Raises EngineError."""
    filters = json.dumps({"label": [service_label.LABEL], "status": ["created", "exited", "dead", "paused"]})
    stopped: list[StoppedService] = []
    for listed in api.get("/containers/json", {"all": 1, "filters": filters}):
        try:
            inspected = api.get(f"/containers/{listed['Id']}/json")
        except docker_socket.NotFound:
            continue
        service, name, state = (
            inspected["Config"]["Labels"][service_label.LABEL],
            inspected["Name"].lstrip("/"),
            inspected["State"],
        )
        if not name.endswith((NEXT, PREVIOUS, VALIDATOR)):
            stopped.append({"service": service, "container": name, "status": state["Status"], "error": state["Error"]})
    return sorted(stopped, key=lambda entry: entry["service"])
