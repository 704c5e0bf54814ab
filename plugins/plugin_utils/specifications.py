# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Optional, TypedDict

from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import (
    alertmanager_variables,
    bundle_controller,
    bundle_variables,
    cadvisor_variables,
    container_labels,
    foreign_variables,
    grafana_variables,
    monitoring_peers,
    prometheus_variables,
    secret_values,
    service_extras,
    value_types,
    victoria_metrics,
)
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.fleet import check_interval
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import (
    HostVariables,
    VariableError,
    port_of,
)

# How many hosts with the same problem a message names.
_NAMED_HOSTS = 5


# What the argument specification of a role and the rules of its task cannot express, for values of the right types.
# A check yields its problems, or raises a problem that hides the rest.
_CHECKS: dict[str, Callable[[HostVariables, str], Optional[Iterator[VariableError]]]] = {
    "alertmanager": alertmanager_variables.check,
    "bundle": bundle_controller.check,
    "cadvisor": cadvisor_variables.check,
    "container_gpu_collector": container_labels.check,
    "grafana": grafana_variables.check,
    "prometheus": prometheus_variables.check,
    "tls": monitoring_peers.check_login,
    "victoria_metrics": victoria_metrics.check,
}


class Pattern(TypedDict):
    """A variable of a role, the regular expression that its whole value must match, and the fix."""

    variable: str
    pattern: str
    fix: str


class Refusal(TypedDict):
    """A rule of a role for one of its variables: an expression that gives the problem, empty if all is well, and the
    fix.
    """

    variable: str
    problem: str
    fix: str


class _SecretVariable(TypedDict):
    variable: str


class Secret(_SecretVariable, total=False):
    """A variable with a password or a dictionary of secrets, whose messages do not show the secrets.

    `file` is the variable with the path of the password's file on the controller, which counts if no password is
    set. `longest` is how many bytes the password has at most, and `shortest` how many characters it has at least.
    """

    file: str
    longest: int
    shortest: int


def check(variables: HostVariables, roles: Sequence[str], hosts: Sequence[str], **rules: Any) -> None:
    """Raises ValueError with all values of hosts that the roles' argument specifications, or one of the rules, do not
    allow.
    """
    violations = problems(variables, roles, hosts, **rules)
    if violations:
        raise ValueError("\n".join(violations))


def problems(
    variables: HostVariables,
    roles: Sequence[str],
    hosts: Sequence[str],
    intervals: Sequence[str] = (),
    patterns: Sequence[Pattern] = (),
    refuse: Sequence[Refusal] = (),
    secrets: Sequence[Secret] = (),
) -> list[str]:
    """The values of hosts that the roles' argument specifications, or one of the rules, do not allow; at most one
    problem of each variable.
    """
    variables.use_defaults("common", "tls", *roles)
    options = {name: option for role in roles for name, option in _options(variables, role).items()}
    hosts_of: dict[tuple[str, str, str], list[str]] = {}
    for host in hosts:
        refused: dict[str, VariableError] = {}
        checks: tuple[tuple[str, Callable[[HostVariables, str, str, Any], None], Any], ...] = (
            *((role, _check_foreign, None) for role in roles),
            *((pattern["variable"], _check_pattern, pattern) for pattern in patterns),
            *((name, _check_type, option) for name, option in options.items()),
            *((name, _check_port, None) for name in options if name.endswith("_port")),
            *((secret["variable"], _check_secret, secret) for secret in secrets),
            *((name, _check_interval, None) for name in intervals),
            *((rule["variable"], _check_rule, rule) for rule in refuse),
        )
        for name, checked, rule in checks:
            if name not in refused:
                try:
                    checked(variables, host, name, rule)
                except VariableError as error:
                    refused.setdefault(error.parts[0], error)
        for role in roles if not refused else ():
            try:
                for problem_of_role in _check_role(variables, host, role):
                    refused.setdefault(problem_of_role.parts[0], problem_of_role)
            except VariableError as error:
                refused.setdefault(error.parts[0], error)
        for refusal in refused.values():
            variable, wrong_host, problem, fix = refusal.parts
            names = hosts_of.setdefault((variable, str(problem), fix), [])
            if wrong_host not in names:
                names.append(wrong_host)
    return [str(VariableError(name, _listed(names), problem, fix)) for (name, problem, fix), names in hosts_of.items()]


def _listed(hosts: Sequence[str]) -> str:
    named = ", ".join(hosts[:_NAMED_HOSTS])
    return named if len(hosts) <= _NAMED_HOSTS else f"{named} and {len(hosts) - _NAMED_HOSTS} more hosts"


def _options(variables: HostVariables, role: str) -> dict[str, dict[str, Any]]:
    """The options of a role's entry point: main, or validate for a role that other roles include."""
    entry_points = variables.read_of_role(role, "meta", "argument_specs.yml")["argument_specs"]
    options: dict[str, dict[str, Any]] = entry_points.get("main", entry_points.get("validate"))["options"]
    return options


def _check_role(variables: HostVariables, host: str, role: str) -> Iterator[VariableError]:
    for check_extra in (service_extras.check, bundle_variables.check):
        try:
            check_extra(variables, role, host)
        except VariableError as error:
            yield error
    if role in _CHECKS:
        yield from _CHECKS[role](variables, host) or ()


def _check_type(variables: HostVariables, host: str, name: str, option: Mapping[str, Any]) -> None:
    if variables.is_set(host, name) or variables.is_null(host, name):
        _refuse(name, host, value_types.type_problem(name, variables.get(host, name), option))


def _check_pattern(variables: HostVariables, host: str, name: str, pattern: Pattern) -> None:
    if variables.is_set(host, name):
        value = str(variables.get(host, name))
        if not re.fullmatch(pattern["pattern"], value):
            raise VariableError(name, host, f"'{value}' is not valid", pattern["fix"])


def _check_foreign(variables: HostVariables, host: str, role: str, _rule: None) -> None:
    foreign_variables.check(variables, role, host)


def _check_interval(variables: HostVariables, host: str, name: str, _rule: None) -> None:
    check_interval(variables, host, name)


def _check_port(variables: HostVariables, host: str, name: str, _rule: None) -> None:
    port_of(variables, host, name)


def _check_rule(variables: HostVariables, host: str, name: str, rule: Refusal) -> None:
    problem = variables.expression(host, name, rule["problem"])
    if problem:
        raise VariableError(name, host, problem, rule["fix"])


def _check_secret(variables: HostVariables, host: str, name: str, secret: Secret) -> None:
    value, file = variables.get(host, name), secret.get("file")
    limits = secret.get("longest", 0), secret.get("shortest", 0)
    if isinstance(value, Mapping):
        _refuse(name, host, secret_values.contents_problem(value))
    elif isinstance(value, str) and (value or variables.is_set(host, name)):
        _refuse(name, host, secret_values.password_problem(value, *limits))
    elif value:
        raise VariableError(name, host, "the value is not text", "Put the value into quotation marks")
    elif file:
        path = os.path.expanduser(str(variables.get(host, file)))
        if os.path.isfile(path):
            _refuse(f"{file} ({path})", host, secret_values.password_problem(_password_in(path, file, host), *limits))


def _password_in(path: str, name: str, host: str) -> str:
    """The password in a file as ansible.builtin.password reads it: white space at its end is not part of it."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().rstrip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "the file is not UTF-8 text"
        raise VariableError(
            f"{name} ({path})", host, reason, "Give a text file of the controller that you can read"
        ) from error


def _refuse(name: str, host: str, problem: Optional[value_types.Problem]) -> None:
    if problem:
        raise VariableError(name, host, problem.problem, problem.fix)
