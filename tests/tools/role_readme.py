"""Writes each role's README.md from its defaults/main.yml, and argument_specs.yml, main.yml and readme.yml of meta.

meta/readme.yml has what a README says beyond the specification: `requirements`, a `playbook`, `examples` of variables.
`python tests/tools/role_readme.py` writes the READMEs; a unit test asks `render()` whether they are current.
"""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.tools import role_variables

ROLES = Path(__file__).resolve().parents[2] / "roles"
# The hosts of a role, if the role is not for every host.
HOSTS = {
    **dict.fromkeys(("cadvisor", "container_gpu_collector", "dcgm_exporter", "nvidia_container_toolkit"), "gpu_hosts"),
    **dict.fromkeys(("alertmanager", "backup", "prometheus", "grafana", "restore", "silence", "verify"), "monitoring"),
    "victoria_metrics": "monitoring",
    **dict.fromkeys(("node_exporter", "tls"), "gpu_hosts:monitoring"),
}

_ENGINE = "A Docker engine, 20.10 or newer. The role `docker_engine` installs one if `docker_engine_install` is true."

_VARIABLES = (
    "The values are the defaults. An example shows the form of a variable, not a recommendation. "
    "`ansible-doc -t role mlops.gpu_monitoring.{role}` also has the keys of dictionaries."
)


class _UnsafeLoader(yaml.SafeLoader):
    """Reads `!unsafe` as the plain text it holds."""


_UnsafeLoader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


def spec_of(role: Path) -> dict[str, Any]:
    """The role's argument specification: that of `main`, or of `validate` for a role that other roles include."""
    entry_points = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())["argument_specs"]
    return entry_points.get("main") or entry_points["validate"]


def defaults_of(role: Path) -> dict[str, Any]:
    """The role's defaults, templates unrendered; empty for a role without any."""
    path = role / "defaults" / "main.yml"
    return yaml.load(path.read_text(), _UnsafeLoader) if path.exists() else {}  # noqa: S506 - a subclass of SafeLoader


def further_of(role: Path) -> dict[str, Any]:
    """What the README says beyond the specification."""
    path = role / "meta" / "readme.yml"
    return yaml.safe_load(path.read_text()) if path.exists() else {}


def dependencies_of(role: Path) -> dict[str, bool]:
    """The roles before this one, and whether they run: a role with the tag `never` gives only its variables."""
    listed = yaml.safe_load((role / "meta" / "main.yml").read_text())["dependencies"]
    return {used["role"].rpartition(".")[2]: used.get("tags") != "never" for used in listed}


def render(role: Path) -> str:
    """The README of one role as Markdown."""
    spec, further = spec_of(role), further_of(role)
    description = spec["description"] if isinstance(spec["description"], list) else [spec["description"]]
    variables = role_variables.block(role.name, spec["options"], defaults_of(role), further.get("examples", {}))
    sections = [
        f"# {role.name}",
        f"{spec['short_description']}.",
        *(_wrapped(role_variables.plain(paragraph)) for paragraph in description),
        "## Requirements",
        "\n".join(_item(text) for text in requirements(role)),
        "## Dependencies",
        "\n".join(_item(_dependency(name, runs)) for name, runs in dependencies_of(role).items()) or "None.",
        "## Example playbook",
        f"```yaml\n{further.get('playbook', _playbook(role)).strip()}\n```",
        "## Variables",
        _wrapped(_VARIABLES.format(role=role.name)),
        f"```yaml\n{variables}\n```",
    ]
    return "\n\n".join(sections) + "\n"


def requirements(role: Path) -> list[str]:
    """What the role needs of the controller and of hosts."""
    engine = [_ENGINE] if "docker_engine" in dependencies_of(role) else []
    return [
        "ansible-core 2.19 or newer on the controller, and no further collection.",
        *further_of(role).get("requirements", ["Python 3.9 or newer on the host, and a user who may become root."]),
        *engine,
    ]


def _wrapped(text: str, first: str = "", others: str = "") -> str:
    wrapper = textwrap.TextWrapper(
        role_variables.WIDTH,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return wrapper.fill(text)


def _dependency(name: str, runs: bool) -> str:
    return f"[{name}](../{name}/README.md)" + ("" if runs else ", only for its variables")


def _item(text: str) -> str:
    return _wrapped(text, "- ", "  ")


def _playbook(role: Path) -> str:
    lines = [
        f"- hosts: {HOSTS.get(role.name, 'all')}",
        "  become: true",
        "  roles:",
        f"    - role: mlops.gpu_monitoring.{role.name}",
    ]
    return "\n".join(lines)


def roles() -> list[Path]:
    """The roles of the collection, by name."""
    return sorted(path.parent.parent for path in ROLES.glob("*/meta/argument_specs.yml"))


if __name__ == "__main__":
    for path in roles():
        (path / "README.md").write_text(render(path))
