# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import cadvisor_variables, foreign_variables, prometheus_variables
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.fleet import check_interval
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import HostVariables, VariableError


# What the argument specification of a role and the rules of its task cannot express.
_CHECKS = {"cadvisor": cadvisor_variables.check, "prometheus": prometheus_variables.check}


class Pattern(TypedDict):
    """A variable of a role, the regular expression that its whole value has to match, and the fix."""

    variable: str
    pattern: str
    fix: str


class Refusal(TypedDict):
    """A rule of a role for one of its variables: an expression that gives the problem, empty if all is well, and the fix."""

    variable: str
    problem: str
    fix: str


def check(
    variables: HostVariables,
    roles: Sequence[str],
    hosts: Sequence[str],
    intervals: Sequence[str] = (),
    patterns: Sequence[Pattern] = (),
    refuse: Sequence[Refusal] = (),
) -> None:
    """Raises VariableError for the first value of a host that a role's argument specification, or one of the rules, does not allow."""
    variables.use_defaults("common", "tls", *roles)
    options = {name: option for role in roles for name, option in _options(variables, role).items()}
    validator = ArgumentSpecValidator(options)
    for host in hosts:
        for role in roles:
            foreign_variables.check(variables, role, host)
        given = {name: variables.get(host, name) for name in options if variables.is_set(host, name)}
        if given and validator.validate(given).error_messages:
            _raise_first(host, given, options)
        for name in intervals:
            check_interval(variables, host, name)
        for pattern in patterns:
            _check_pattern(variables, host, pattern)
        for rule in refuse:
            problem = variables.expression(host, rule["variable"], rule["problem"])
            if problem:
                raise VariableError(rule["variable"], host, problem, rule["fix"])
        for role in roles:
            if role in _CHECKS:
                _CHECKS[role](variables, host)


def _options(variables: HostVariables, role: str) -> dict[str, dict[str, Any]]:
    """The options of a role's entry point: main, or validate for a role that comes along with others."""
    entry_points = variables.read_of_role(role, "meta", "argument_specs.yml")["argument_specs"]
    options: dict[str, dict[str, Any]] = entry_points.get("main", entry_points.get("validate"))["options"]
    return options


def _check_pattern(variables: HostVariables, host: str, pattern: Pattern) -> None:
    name = pattern["variable"]
    if variables.is_set(host, name):
        value = str(variables.get(host, name))
        if not re.fullmatch(pattern["pattern"], value):
            raise VariableError(name, host, f"'{value}' is not valid", pattern["fix"])


def _raise_first(host: str, given: Mapping[str, Any], options: Mapping[str, Mapping[str, Any]]) -> None:
    for name, value in given.items():
        messages = ArgumentSpecValidator({name: dict(options[name])}).validate({name: value}).error_messages
        if messages:
            kind = options[name]["type"]
            problem = f"the value is not of the type {kind}" if options[name].get("no_log") else messages[0]
            choices = options[name].get("choices")
            unknown = [item for item in value if item not in choices] if choices and isinstance(value, list) else []
            if unknown:
                problem = f"'{unknown[0]}' is not valid"
            fix = f"Set it to {' or '.join(choices)}" if choices else f"Set it to a value of the type {kind}, as in the README of its role"
            raise VariableError(name, host, problem, fix)
