# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The panels and template variables of a JSON model. Pure."""

import re
from typing import Any, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Json

# A reference to a variable (grafana/grafana, public/app/features/variables/utils.ts).
REFERENCE = re.compile(
    r"\$(?P<plain>\w+)|\[\[(?P<old>\w+?)(?::(?P<old_format>\w+))?\]\]"
    r"|\$\{(?P<braces>\w+)(?:\.[^:^}]+)?(?::(?P<format>[^}]+))?\}"
)
# Text that is one reference as a whole. The name of an input of an export may have any character.
_WHOLE = re.compile(r"\$(\w+)|\[\[(\w+)(?::\w+)?\]\]|\$\{([^}]+?)(?::\w+)?\}")


def objects(value: Any) -> list[Json]:
    """The objects of a list; none if it is not a list."""
    return [element for element in value if isinstance(element, dict)] if isinstance(value, list) else []


def every_panel(dashboard: Json) -> list[Json]:
    """The panels of a dashboard, those in collapsed rows included, and those in the `rows` of schema 15 and older."""
    every: list[Json] = []
    for panel in objects(dashboard.get("panels")):
        every += [panel, *objects(panel.get("panels"))]
    for row in objects(dashboard.get("rows")):
        every += objects(row.get("panels"))
    return every


def template_variables(dashboard: Json) -> list[Json]:
    """The template variables."""
    templating = dashboard.get("templating")
    return objects(templating.get("list")) if isinstance(templating, dict) else []


def variable_names(dashboard: Json) -> set[str]:
    """Names of the template variables."""
    return {variable["name"] for variable in template_variables(dashboard) if isinstance(variable.get("name"), str)}


def variables_in(text: str) -> set[str]:
    """Names of the variables that a text refers to."""
    return {referred_name(match) for match in REFERENCE.finditer(text)}


def referred_name(reference: re.Match[str]) -> str:
    """Name of the variable in a match of `REFERENCE`."""
    return reference["plain"] or reference["old"] or reference["braces"]


def variable_of(text: str) -> Optional[str]:
    """Name of the variable or input that a text refers to and that is all of the text; None for any other text."""
    match = _WHOLE.fullmatch(text)
    return match[match.lastindex or 0] if match else None
