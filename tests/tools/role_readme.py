"""Writes each role's README.md from its meta/argument_specs.yml and defaults/main.yml.

`python tests/tools/role_readme.py` writes them; a unit test asks `render()` whether they are current.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.tools import image_table

ROLES = Path(__file__).resolve().parents[2] / "roles"
# Whom a role is for, where that is not every host.
HOSTS = {
    **dict.fromkeys(("cadvisor", "container_gpu_collector", "dcgm_exporter", "nvidia_container_toolkit"), "gpu_hosts"),
    **dict.fromkeys(("alertmanager", "backup", "prometheus", "grafana", "restore", "silence", "verify"), "monitoring"),
    **dict.fromkeys(("node_exporter", "tls"), "gpu_hosts:monitoring"),
}

# A version that a role reads from the table of images.
_OF_IMAGE = re.compile(r"\{\{ gpu_monitoring_images\.(\w+)\.version \}\}")
# A bar without a backslash ends a cell of a table, in code too.
BAR = r"\|"


class _UnsafeLoader(yaml.SafeLoader):
    """Reads `!unsafe` as the plain text it holds."""


_UnsafeLoader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


def spec_of(role: Path) -> dict[str, Any]:
    """The role's argument specification: that of `main`, or of `validate` for a role that comes along with others."""
    entry_points = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())["argument_specs"]
    return entry_points.get("main") or entry_points["validate"]


def defaults_of(role: Path) -> dict[str, Any]:
    """The role's defaults, templates unrendered; empty for a role without any."""
    path = role / "defaults" / "main.yml"
    return yaml.load(path.read_text(), _UnsafeLoader) if path.exists() else {}  # noqa: S506 - a subclass of SafeLoader


def _plain(text: str) -> str:
    """Ansible's markup as Markdown."""
    text = re.sub(r"O\(([^()#]+#module:)?([^()]+)\)", r"`\2`", text)
    text = re.sub(r"[CV]\(((?:[^()]|\([^()]*\))+)\)", r"`\1`", " ".join(text.split()))
    return text.replace(r"\)", ")")


def _default(value: Any) -> str:
    if isinstance(value, (list, dict)):
        if not value:
            return f"`{value}`"
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return ", ".join(f"`{item}`" for item in value)
        return "see [defaults](defaults/main.yml)"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    text = _OF_IMAGE.sub(lambda name: image_table.read()[name[1]].version, " ".join(str(value).split()))
    if "|" in text or " if " in text:
        return "see [defaults](defaults/main.yml)"
    return f"`{text}`" if text else "empty"


def render(role: Path) -> str:
    """The README of one role as Markdown."""
    spec, defaults = spec_of(role), defaults_of(role)
    description = spec["description"] if isinstance(spec["description"], list) else [spec["description"]]
    lines = [f"# {role.name}", "", f"{spec['short_description']}.", ""]
    lines += [_plain(paragraph) + "\n" for paragraph in description]
    lines += ["```yaml", f"- hosts: {HOSTS.get(role.name, 'all')}", *_example(role), "```", ""]
    lines += ["| Variable | Type | Default | Meaning |", "| --- | --- | --- | --- |"]
    for name, option in spec["options"].items():
        default = defaults.get(name, option.get("default"))
        shown = "none" if default is None else _default(default)
        cells = (f"`{name}`", option["type"], shown, _plain(option["description"]))
        lines.append(f"| {' | '.join(cell.replace('|', BAR) for cell in cells)} |")
    return "\n".join(lines) + "\n"


def _example(role: Path) -> list[str]:
    """The play's lines after its hosts; a role whose work is its checks is used by its entry point `validate`."""
    if (role / "tasks" / "main.yml").exists():
        return ["  become: true", "  roles:", f"    - role: mlops.gpu_monitoring.{role.name}"]
    return [
        *("  gather_facts: false", "  tasks:", "    - ansible.builtin.import_role:"),
        *(f"        name: mlops.gpu_monitoring.{role.name}", "        tasks_from: validate"),
    ]


def roles() -> list[Path]:
    """The roles of the collection, by name."""
    return sorted(path.parent.parent for path in ROLES.glob("*/meta/argument_specs.yml"))


if __name__ == "__main__":
    for path in roles():
        (path / "README.md").write_text(render(path))
    sys.exit(0)
