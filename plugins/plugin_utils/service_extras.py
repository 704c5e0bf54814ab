# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import secret_values
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import HostVariables, VariableError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_LABELS_OF_THE_COLLECTION = "mlops.gpu_monitoring."


@dataclass(frozen=True)
class Own:
    """What a role sets of its container itself, so that a site cannot: environment variables, targets of mounts and
    labels.
    """

    environment: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


_CONFIGURATION = "/etc/gpu_monitoring"
# What a site may set of Grafana's environment is in grafana_variables.
SERVICES = {
    "alertmanager": Own(mounts=("/etc/alertmanager", "/alertmanager")),
    "cadvisor": Own(mounts=("/rootfs", "/var/run", "/sys")),
    "container_gpu_collector": Own(
        environment=("PYTHONPATH",),
        mounts=("/cdi/etc/cdi", "/cdi/var/run/cdi", "/containers", "/driver", "/program", "/textfile"),
        labels=("driver", "gpus"),
    ),
    "dcgm_exporter": Own(
        environment=(
            "DCGM_EXPORTER_COLLECTORS",
            "DCGM_EXPORTER_INTERVAL",
            "DCGM_EXPORTER_LISTEN",
            "DCGM_EXPORTER_WEB_CONFIG_FILE",
            "DCGM_REMOTE_HOSTENGINE_INFO",
            "NODE_NAME",
        ),
        mounts=(_CONFIGURATION,),
        labels=("driver", "gpus"),
    ),
    "grafana": Own(mounts=(_CONFIGURATION, "/var/lib/grafana", "/tmp")),
    "node_exporter": Own(mounts=("/host", "/procfs", "/textfile", _CONFIGURATION)),
    "prometheus": Own(mounts=("/etc/prometheus", "/prometheus")),
    "victoria_metrics": Own(mounts=("/etc/victoria-metrics", "/victoria-metrics-data")),
}


def check(variables: HostVariables, role: str, host: str) -> None:
    """Raises VariableError for what a site adds to the container of a role and the role sets itself, or the engine
    cannot take.
    """
    own = SERVICES.get(role)
    if own is None:
        return
    environment, labels, mounts = (
        variables.get(host, f"{role}_{kind}_extra") for kind in ("environment", "labels", "mounts")
    )
    _check_texts(f"{role}_environment_extra", host, environment or {}, own.environment)
    _check_texts(f"{role}_labels_extra", host, labels or {}, own.labels)
    for label in labels or {}:
        if str(label).startswith(_LABELS_OF_THE_COLLECTION):
            raise VariableError(
                f"{role}_labels_extra", host, f"{label} is a label of the collection", "Choose another name"
            )
    for name in environment or {}:
        if not _NAME.fullmatch(str(name)):
            problem = f"'{name}' is not a name of an environment variable"
            raise VariableError(f"{role}_environment_extra", host, problem, "Use letters, digits and '_'")
    if role != "grafana":
        _check_secrets(role, host, environment or {})
    _check_mounts(f"{role}_mounts_extra", host, mounts or [], own.mounts)


def _check_texts(variable: str, host: str, given: Mapping[str, Any], own: Iterable[str]) -> None:
    for name, value in given.items():
        if name in own:
            raise VariableError(
                variable, host, f"the role sets {name} itself", "Remove it, and set the role's own variable"
            )
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise VariableError(
                variable, host, f"the value of {name} is not text", 'Put the value into quotation marks, as in "true"'
            )


def _check_secrets(role: str, host: str, environment: Mapping[str, Any]) -> None:
    files = f"{role}_{'secret_files' if role in ('alertmanager', 'prometheus') else 'mounts_extra'}"
    for name, value in environment.items():
        if secret_values.is_inline(str(name), str(value)):
            problem = f"{name} is a secret, which everybody can read in an environment"
            raise VariableError(
                f"{role}_environment_extra", host, problem, f"Give the program a file with the secret, by {files}"
            )


def _check_mounts(variable: str, host: str, mounts: Iterable[Mapping[str, Any]], own: Iterable[str]) -> None:
    targets = list(own)
    for mount in mounts:
        target = os.path.normpath(str(mount["target"]))
        if not os.path.isabs(target):
            raise VariableError(
                variable, host, f"the target {target} is not an absolute path", "Write it like /srv/data"
            )
        source = str(mount["source"])
        if mount.get("type", "bind") == "bind" and not os.path.isabs(source):
            problem, fix = (
                f"the source {source} is not an absolute path",
                "Write it like /srv/data, or set type: volume",
            )
            raise VariableError(variable, host, problem, fix)
        if target in targets:
            problem = f"the container has a mount at {target} already"
            raise VariableError(variable, host, problem, "Choose another target")
        targets.append(target)
