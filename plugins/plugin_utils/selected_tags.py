# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from collections.abc import Collection, Sequence

# The tags of the playbook site. Each is the name of a role.
ROLES = (
    "alertmanager",
    "cadvisor",
    "common",
    "container_gpu_collector",
    "dcgm_exporter",
    "docker_engine",
    "grafana",
    "node_exporter",
    "nvidia_container_toolkit",
    "prometheus",
    "tls",
    "victoria_metrics",
)


def selects(tag: str, run: Collection[str], skip: Collection[str], inherited: Collection[str] = ()) -> bool:
    """Whether --tags and --skip-tags select what has a tag. `inherited` are the tags of a playbook that imports the
    playbook site.
    """
    tags = {tag, *inherited}
    return bool(tags & {*run} or {"all", "tagged"} & {*run}) and not (tags & {*skip} or {"all", "tagged"} & {*skip})


def check(tags: Sequence[str], run: Collection[str], skip: Collection[str], inherited: Collection[str]) -> None:
    """Raises ValueError if --tags and --skip-tags select none of the tags."""
    if not any(selects(tag, run, skip, inherited) for tag in tags):
        options = (("--tags", sorted({*run} - {"all"})), ("--skip-tags", sorted(skip)))
        given = " and ".join(f"{option} {','.join(values)}" for option, values in options if values)
        known = (
            "The playbook has no tags" if [*tags] == ["untagged"] else f"The tags of the playbook are {', '.join(tags)}"
        )
        raise ValueError(f"{given}: the tags select nothing. {known}.")
