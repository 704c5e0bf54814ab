# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Whether Prometheus sees the GPUs of containers that the engine of their host gave them. Pure."""

import re
from typing import NamedTuple, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import asked_gpus
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.engine import Container, EngineState
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.nvidia_smi import Gpu
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.faults import SITE, listed

SERVICE = "container-gpu-collector"
# How the names of what the collector measures, and of what Prometheus records of that, begin.
METRICS = r"\bcontainer_gpu|\bcontainer(_labels)?:gpus|\bhost:container_gpu_collector:"
# The collector writes its file every few seconds.
_STALE_SECONDS = 60
_ROUND_SECONDS = 10
_MOST_NAMES = 3


class Seen(NamedTuple):
    """What Prometheus has of the collector of a host.

    - age: seconds since its last success, None if there are no metrics of it.
    - gpus, lately: UUIDs of the GPUs of each container by its id, now and in the last minutes.
    """

    age: Optional[float]
    gpus: dict[str, list[str]]
    lately: dict[str, list[str]]


def runs(engine: Optional[EngineState]) -> bool:
    """Whether the collector runs on the host."""
    containers = (engine.get("containers") or []) if engine else []
    return any(container.get("service") == SERVICE for container in containers)


def fault(host: str, engine: EngineState, gpus: list[Gpu], seen: Seen, least_age: float) -> str:
    """What is wrong on a host whose collector runs; empty if all is well.

    Containers that run for less than `least_age` and a round of the collector may not be seen yet.
    """
    running = engine.get("containers") or []
    settled = [container for container in running if container["age"] > least_age + _ROUND_SECONDS]
    log = f"See the log of the container {SERVICE} there."
    if seen.age is None:
        if not any(container["service"] == SERVICE for container in settled):
            return ""
        return f"Prometheus has no metrics of the container GPU collector of {host}, which runs there. {SITE}"
    if seen.age >= _STALE_SECONDS:
        return f"The container GPU collector of {host} has written no metrics for {seen.age:.0f} s. {log}"
    wrong = list(filter(None, (_difference(container, engine, gpus, seen) for container in settled)))
    if not wrong:
        return ""
    more = [f"{len(wrong) - _MOST_NAMES} more"] if len(wrong) > _MOST_NAMES else []
    differences = listed(wrong[:_MOST_NAMES] + more)
    return f"Prometheus sees other GPUs of containers of {host} than the engine: {differences}. {log}"


def _difference(container: Container, engine: EngineState, gpus: list[Gpu], seen: Seen) -> str:
    """How the GPUs of a container differ; empty if they do not, or if that cannot be said."""
    asked = [entry for entry in container["asked_gpus"] if _has_effect(entry, container, engine)]
    named = [_named(name, gpus) for entry in asked for name in entry["names"]]
    known = [uuids for uuids in named if uuids is not None]
    now = set(seen.gpus.get(container["id"], []))
    if len(known) < len(named):
        # Which GPU a device node is, the engine does not say.
        names = [name for entry in asked for name in entry["names"]]
        return "" if now else f"{container['name']} was given {listed(names)}, and Prometheus sees none"
    given = set().union(*known) - _without_instances(gpus)
    now -= _without_instances(gpus)
    if not given - now - set(seen.lately.get(container["id"], [])) and not now - given:
        return ""
    return f"{container['name']} was given {_listed(given)}, and Prometheus sees {_listed(now)}"


def _has_effect(asked: asked_gpus.AskedGpus, container: Container, engine: EngineState) -> bool:
    runtime = container["runtime"] or engine["default_runtime"]
    return asked["via"] != asked_gpus.RUNTIME or runtime in engine["nvidia_runtimes"]


def _without_instances(gpus: list[Gpu]) -> set[str]:
    """The UUIDs of GPUs in MIG mode that have no instance: no program can use them, whoever has their device nodes."""
    return {gpu["uuid"] for gpu in gpus if gpu["mig_mode"] == "Enabled" and not gpu["mig_devices"]}


def _named(name: str, gpus: list[Gpu]) -> Optional[set[str]]:
    """The UUIDs of the GPUs that a name means, those of MIG instances too; None if that is not known."""
    if name == "all":
        return {gpu["uuid"] for gpu in gpus}
    index = re.fullmatch(r"(\d+)(:\d+)?", name)
    # A MIG instance had the UUID of its GPU in its name before driver 470.
    uuid = re.sub(r"^MIG-(?=GPU-)|/.*", "", name)
    uuids = {
        gpu["uuid"]
        for gpu in gpus
        if (index and gpu["index"] == int(index[1]))
        or (uuid.startswith("GPU-") and gpu["uuid"].startswith(uuid))
        or any(instance["uuid"] == name for instance in gpu["mig_devices"])
    }
    return uuids if len(uuids) == 1 else None


def _listed(uuids: set[str]) -> str:
    return listed(sorted(uuids)) if uuids else "none"
