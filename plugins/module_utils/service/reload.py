# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import health
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine import Engine
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError

OPTIONS = ("name", "networks", "reload")
RELOAD_SECONDS = 60


def reload(engine: Engine, options: dict[str, Any]) -> None:
    """Have the running service read its files again; of the options it needs OPTIONS."""
    name, how = options["name"], options["reload"]
    if how.get("signal"):
        engine.signal(name, how["signal"])
        return
    probe = how["http"]
    what = f"{probe['method']} {probe['path']} on port {probe['port']}"
    try:
        address = health.address_of(engine.container(name) or {}, options["networks"])
        status, answer = health.request(address, probe, probe["method"], RELOAD_SECONDS)
    except OSError as error:
        raise ServiceError(f"reload: {name} does not answer {what}: {error}.") from error
    if status >= 300:
        raise ServiceError(f"reload: {name} answers {what} with {status}.", answer)
