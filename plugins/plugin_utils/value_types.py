# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Optional

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

_QUOTE = "Put the value into quotation marks"
# Ansible makes text of everything for these types.
_TEXTS = ("str", "path")


class Problem(NamedTuple):
    """What is wrong with a value, and the fix."""

    problem: str
    fix: str


def type_problem(name: str, value: Any, option: Mapping[str, Any]) -> Optional[Problem]:
    """Why a value is not of the type of a role's option; None if all is well.

    Ansible converts values for modules, and the tasks of a role get the value unchanged. So a value that Ansible would
    convert is refused too. Exceptions are values that Jinja treats the same: an integer as text, and a word for true or
    false.
    """
    kind = str(option["type"])
    if value is None:
        return Problem(
            "the value is null",
            "Remove the variable to get the default, or set it to ''" if kind in _TEXTS else "Remove the variable",
        )
    if kind in _TEXTS and not isinstance(value, str):
        return Problem(f"the value is {_named(value)} and not text", _QUOTE)
    if kind == "list" and (isinstance(value, (str, Mapping)) or not isinstance(value, Sequence)):
        return _other_type(kind, value)
    if kind == "dict" and not isinstance(value, Mapping):
        return _other_type(kind, value)
    if kind == "int" and isinstance(value, bool):
        return _other_type(kind, value)
    return _element_problem(kind, value, option) or _specification_problem(name, value, option)


def _element_problem(kind: str, value: Any, option: Mapping[str, Any]) -> Optional[Problem]:
    elements = option.get("elements") if kind == "list" else None
    for element in value if elements else ():
        # YAML reads words such as on, off, yes and no as booleans.
        if elements == "str" and (element is None or isinstance(element, (bool, Mapping, list))):
            return Problem(
                f"an element of the list is {_named(element)} and not text", "Put the elements into quotation marks"
            )
        if elements == "dict" and not isinstance(element, Mapping):
            return Problem(
                f"an element of the list is {_named(element)} and not a mapping",
                "Write it as in the README of its role",
            )
    return None


def _specification_problem(name: str, value: Any, option: Mapping[str, Any]) -> Optional[Problem]:
    messages = ArgumentSpecValidator({name: dict(option)}).validate({name: value}).error_messages
    if not messages:
        return None
    if option.get("no_log"):
        return _other_type(option["type"], value)
    if option.get("options"):
        return _suboption_problem(value, option["options"]) or _other_type(option["type"], value)
    choices = option.get("choices")
    unknown = [item for item in value if item not in choices] if choices and isinstance(value, list) else []
    problem = f"'{unknown[0]}' is not valid" if unknown else messages[0]
    fix = f"Set it to {' or '.join(choices)}" if choices else _fix_of_type(option["type"])
    return Problem(problem, fix)


def _suboption_problem(value: Any, options: Mapping[str, Mapping[str, Any]]) -> Optional[Problem]:
    """The first problem of a suboption, with its place in a mapping or in a list of mappings."""
    for place, element in (
        [("", value)]
        if isinstance(value, Mapping)
        else [(f"[{index}]", element) for index, element in enumerate(value)]
    ):
        for key in element:
            if key not in options:
                return Problem(f"{place} has the unknown key {key}".lstrip(), f"Use {', '.join(options)}")
        for name, option in options.items():
            if name not in element and option.get("required"):
                return Problem(f"{place} has no {name}".lstrip(), "Set it, as in the README of its role")
            given = element.get(name)
            problem = _element_problem(str(option["type"]), given, option) if isinstance(given, list) else None
            if problem:
                return Problem(f"{place}.{name}: {problem.problem}".lstrip("."), problem.fix)
            problem = _specification_problem(name, given, option) if given is not None else None
            if problem:
                return Problem(f"{place}.{name}: {_reason(given, option)}".lstrip("."), problem.fix)
    return None


def _reason(value: Any, option: Mapping[str, Any]) -> str:
    if option.get("choices") and isinstance(value, str):
        return f"'{value}' is not valid"
    return f"the value is {_named(value)} and not of the type {option['type']}"


def _other_type(kind: str, value: Any) -> Problem:
    return Problem(f"the value is not of the type {kind}, but {_named(value)}", _fix_of_type(kind))


def _fix_of_type(kind: str) -> str:
    return f"Set it to a value of the type {kind}, as in the README of its role"


def _named(value: Any) -> str:
    """The type of a value in the words of YAML."""
    names = (
        (type(None), "null"),
        (bool, "a boolean"),
        ((int, float), "a number"),
        (str, "text"),
        (Mapping, "a mapping"),
        (Sequence, "a list"),
    )
    return next((name for types, name in names if isinstance(value, types)), f"a {type(value).__name__}")
