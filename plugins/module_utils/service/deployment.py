# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
import traceback
from collections.abc import Iterable
from typing import Any, Optional, TypedDict

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import apply, journal, replaced_data, spec
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine import Engine
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine_types import Container
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.options import ServiceSpec
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.secrets import masked, secret_parts
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.shared import SharedAnswers


class Result(TypedDict):
    """What became of one service of a deployment."""

    name: str
    changed: bool
    failed: bool
    msg: str
    actions: list[str]
    data: list[str]
    diff: list[dict[str, str]]
    container: dict[str, Any]
    warnings: list[str]


def _result(name: str) -> Result:
    return Result(
        name=name, changed=False, failed=False, msg="", actions=[], data=[], diff=[], container={}, warnings=[]
    )


def refuse_duplicates(names: Iterable[str]) -> None:
    """Refuse two services of one name."""
    seen = set()
    for name in names:
        if name in seen:
            raise ServiceError(f"services: the name {name} is given twice. Keep one.")
        seen.add(name)


def deploy(engine: Optional[Engine], services: list[ServiceSpec], check_mode: bool) -> list[Result]:
    """Deploy the services in order, each as a transaction of its own; one that fails does not stop the next ones.

    `engine` is None on a host that has none: in check mode, or if services are only removed.
    """
    results: list[Result] = []
    removed: list[str] = []
    shared = SharedAnswers(engine)
    for options in services:
        result = _result(options.name)
        try:
            if options.state == "present":
                _present(engine, options, shared, check_mode, result)
            else:
                _absent(engine, options, removed, shared, check_mode, result)
                removed.append(options.name)
                said = [warning for earlier in results for warning in earlier["warnings"]]
                result["warnings"] = [warning for warning in result["warnings"] if warning not in said]
        except ServiceError as error:
            result["failed"], result["msg"] = True, str(error)
        except Exception as error:
            result["failed"], result["msg"] = True, masked(_unexpected(error), secret_parts(options.secrets))
        results.append(result)
    return results


def _unexpected(error: Exception) -> str:
    """A text for a bug report about an unexpected error."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    reason = traceback.format_exception_only(type(error), error)[-1].strip()
    return (
        f"Unexpected error: {reason} ({os.path.basename(place.filename)}, line {place.lineno})."
        " Report it as a fault of mlops.gpu_monitoring."
    )


def failure(results: list[Result]) -> str:
    """One message that names every service that failed, with its reason; empty if none did."""
    failed = [result for result in results if result["failed"]]
    lines = [f"{result['name']}: {result['msg']}" for result in failed]
    others = [result["name"] for result in results if not result["failed"]]
    if failed and others:
        lines.append(f"The other services of this task did not fail: {', '.join(others)}.")
    return "\n".join(lines)


def _present(
    engine: Optional[Engine], options: ServiceSpec, shared: SharedAnswers, check_mode: bool, result: Result
) -> None:
    options = spec.checked(options)
    if check_mode or engine is None:
        service = apply.read(engine, options, shared, check_mode=True)
        container = service.inspected
    else:
        service, container = apply.deploy(engine, options, shared)
    result["changed"], result["actions"], result["diff"] = service.plan.changed, service.plan.actions(), service.diff()
    result["container"], result["warnings"] = _facts(container, options.networks), service.warnings


def _absent(
    engine: Optional[Engine],
    options: ServiceSpec,
    removed: list[str],
    shared: SharedAnswers,
    check_mode: bool,
    result: Result,
) -> None:
    """Remove a service. In check mode the services that are `removed` before are still there."""
    removal = apply.plan_removal(engine, options, removed)
    interrupted = journal.pending(options.name) or replaced_data.pending(options.name)
    if (removal.descriptions() or interrupted) and not check_mode:
        with shared.asked_again():
            removal = apply.remove(engine, options)
    descriptions = removal.descriptions()
    result["changed"], result["data"], result["warnings"] = bool(descriptions), removal.data(), removal.left
    result["actions"] = [f"remove {description}" for description in descriptions]
    result["diff"] = [
        {"before_header": description, "after_header": description, "before": "present\n", "after": "absent\n"}
        for description in descriptions
    ]


def _facts(container: Optional[Container], networks: list[str]) -> dict[str, Any]:
    """The result for a container."""
    if not container:
        return {}
    addresses = {
        name: endpoint["IPAddress"] or endpoint.get("GlobalIPv6Address", "")
        for name, endpoint in container["NetworkSettings"]["Networks"].items()
    }
    return {
        "id": container["Id"],
        "name": container["Name"].lstrip("/"),
        "image": container["Config"]["Image"],
        "image_id": container["Image"],
        "status": container["State"]["Status"],
        "ip": addresses.get(networks[0] if networks else "bridge", ""),
        "networks": addresses,
    }
