"""The variables of a role as commented YAML, for its README."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from typing import Any, Optional

import yaml

from tests.tools import image_table

WIDTH = 80
# A version that a role reads from the table of images.
_OF_IMAGE = re.compile(r"\{\{ gpu_monitoring_images\.(\w+)\.version \}\}")
# A default with more lines is left to the role's defaults/main.yml.
_MOST_LINES = 12
# Examples of variables that several roles have, by the end of the name.
_SHARED: dict[str, Any] = {
    "_image": "registry.example.com/{role}:custom",
    "_address": "192.0.2.10",
    "_cpus": 1.5,
    "_environment_extra": {"TZ": "Europe/Berlin"},
    "_labels_extra": {"team": "ml"},
    "_mounts_extra": [{"source": "/etc/ssl/site", "target": "/etc/ssl/site", "read_only": True}],
}


class _Dumper(yaml.SafeDumper):
    """Indents lists below their key, and writes text of several lines as a block."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else '"' if not value or "{{" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def plain(text: str) -> str:
    """Ansible's markup as Markdown."""
    text = re.sub(r"O\(([^()#]+#module:)?([^()]+)\)", r"`\2`", text)
    text = re.sub(r"[CV]\(((?:[^()]|\([^()]*\))+)\)", r"`\1`", " ".join(text.split()))
    return text.replace(r"\)", ")")


def block(
    role: str, options: Mapping[str, Mapping[str, Any]], defaults: Mapping[str, Any], examples: Mapping[str, Any]
) -> str:
    """Every variable with its meaning, its type, its default and an example."""
    return "\n\n".join(
        _variable(name, option, defaults.get(name, option.get("default")), _example(role, name, examples))
        for name, option in options.items()
    )


def _example(role: str, name: str, examples: Mapping[str, Any]) -> Any:
    shared = next((value for end, value in _SHARED.items() if name == f"{role}{end}"), None)
    value = examples.get(name, shared)
    return value.format(role=role.replace("_", "-")) if isinstance(value, str) and value is shared else value


def _variable(name: str, option: Mapping[str, Any], default: Any, example: Any) -> str:
    shown = _shown(default)
    kind = option["type"] + (f" of {option['elements']}" if "elements" in option else "")
    facts = f"Type: {kind}." + (f" Choices: {', '.join(map(str, option['choices']))}." if "choices" in option else "")
    facts += "" if shown else " Default: see defaults/main.yml."
    text = _wrapped(plain(option["description"])) + _wrapped(facts)
    if example is not None:
        text += (
            ["# Example:", *(f"#   {line}" for line in _yaml(name, example))] if shown else _commented(name, example)
        )
    elif not shown:
        text.append(f"# {name}:")
    return "\n".join([*text, *shown_lines(name, shown)])


def shown_lines(name: str, shown: Optional[list[Any]]) -> list[str]:
    """The lines of a default; none if the README does not show it."""
    return _yaml(name, shown[0]) if shown else []


def _commented(name: str, example: Any) -> list[str]:
    return [f"# {line}" for line in _yaml(name, example)]


def _shown(default: Any) -> Optional[list[Any]]:
    """The default in a list, or None if it is computed or long."""
    if isinstance(default, str):
        default = _OF_IMAGE.sub(lambda name: image_table.read()[name[1]].version, default)
        computed = "{{" in default and ("|" in default or " if " in default or "(" in default)
        return None if computed or "\n" in default else [default]
    lines = _yaml("name", default)
    return None if len(lines) > _MOST_LINES or any("{{" in line for line in lines) else [default]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent="# ", subsequent_indent="# ", break_long_words=False, break_on_hyphens=False
    )


def _yaml(name: str, value: Any) -> list[str]:
    text: str = yaml.dump({name: value}, Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True)
    return text.rstrip("\n").split("\n")
