# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import health
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine import Engine
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.journal import Reloadable

# Prometheus answers after two minutes if a removed receiver of samples does not answer.
RELOAD_SECONDS = 300


def reload(engine: Engine, service: Reloadable) -> None:
    """Make the running service read its files again."""
    name, probe = service.name, service.reload.http
    if service.reload.signal:
        engine.signal(service.container, service.reload.signal)
        return
    if probe is None:
        raise ServiceError(f"reload: {name} cannot be reloaded. Set reload.signal or reload.http.")
    asked = f"{probe.method} {probe.path} on port {probe.port}"
    try:
        address = health.address_of(engine.container(service.container) or {}, service.networks)
        status, answer = health.request(address, probe, probe.method, RELOAD_SECONDS)
    except OSError as error:
        raise ServiceError(f"reload: {name} does not answer {asked}: {error}.") from error
    if status >= 300:
        raise ServiceError(f"reload: {name} answers {asked} with {status}.", answer)
