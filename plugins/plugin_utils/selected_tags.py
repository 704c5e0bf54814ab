# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from collections.abc import Collection, Sequence

# The tags of the playbook site. Each is the name of a role.
ROLES = (
    "cadvisor",
    "common",
    "dcgm_exporter",
    "docker_engine",
    "grafana",
    "node_exporter",
    "nvidia_container_toolkit",
    "prometheus",
    "tls",
)


def selects(role: str, run: Collection[str], skip: Collection[str], inherited: Collection[str] = ()) -> bool:
    """Whether --tags and --skip-tags select a role. `inherited` are the tags of a playbook that imports the playbook site."""
    tags = {role, *inherited}
    return bool(tags & {*run} or {"all", "tagged"} & {*run}) and not (tags & {*skip} or {"all", "tagged"} & {*skip})


def check(run: Sequence[str], skip: Sequence[str], inherited: Collection[str]) -> None:
    """Raises ValueError where --tags and --skip-tags select no role."""
    if not any(selects(role, run, skip, inherited) for role in ROLES):
        given = [f"{option} {','.join(tags)}" for option, tags in (("--tags", run), ("--skip-tags", skip)) if tags]
        raise ValueError(f"{' and '.join(given)}: the tags select no role. The tags are {', '.join(ROLES)}.")
