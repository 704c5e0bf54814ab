# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Variables that no role knows, and whose names are close to a variable of a role.

A site may have variables of its own with the prefix of a role. So a name without a close match causes no
warning. A name that another value reads causes no warning either.
"""

import difflib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.foreign_variables import is_foreign
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import ROLES, HostVariables

# The role that all others depend on checks the variables that all roles share.
_PREFIXES = {"docker_engine": ("docker_engine_", "gpu_monitoring_")}
# Least similarity of names without their prefix: "prot" and "port" have 0.75.
_CLOSE = 0.75


def first_hosts(variables: HostVariables, role: str, hosts: Sequence[str]) -> dict[str, str]:
    """The variables that are set and have a prefix of the role, by the first host that sets each."""
    first: dict[str, str] = {}
    # A change of the host costs more than a look at one more of its variables.
    for host in hosts:
        for prefix in _prefixes(role):
            for name in variables.set_names(host, prefix):
                first.setdefault(name, host)
    return first


def warnings(variables: HostVariables, role: str, first: Mapping[str, str]) -> list[str]:
    """A warning for each variable that is probably misspelt."""
    options = {*_options(variables, role), *_options(variables, "common")}
    unknown = [name for name in first if name not in options and not is_foreign(role, name)]
    close = {name: match for name in unknown for match in _close_match(name, _prefixes(role), options)}
    # Few runs have a name that is close to another, so only these read the files of all roles.
    known = {*_known(variables)} if close else {*()}
    return [
        f"{name} on {first[name]}: is not a variable of this collection. Did you mean {match}?"
        for name, match in close.items()
        if name not in known and not variables.is_read(first[name], name)
    ]


def _prefixes(role: str) -> tuple[str, ...]:
    return _PREFIXES.get(role, (f"{role}_",))


def _close_match(name: str, prefixes: Sequence[str], options: Iterable[str]) -> list[str]:
    """The option that is closest to a name, without the prefix that both have; empty if none is close."""
    prefix = next(prefix for prefix in prefixes if name.startswith(prefix))
    suffixes = [option[len(prefix) :] for option in sorted(options) if option.startswith(prefix)]
    return [prefix + suffix for suffix in difflib.get_close_matches(name[len(prefix) :], suffixes, 1, _CLOSE)]


def _known(variables: HostVariables) -> Iterator[str]:
    """What all roles have: options, and variables of their own that other roles may read."""
    for role in os.listdir(ROLES):
        yield from _options(variables, role)
        yield from variables.read_of_role(role, "defaults", "main.yml")
        for file in (("main.yml",), ("main", "main.yml")):
            yield from variables.read_of_role(role, "vars", *file)


def _options(variables: HostVariables, role: str) -> Iterator[str]:
    entry_points = variables.read_of_role(role, "meta", "argument_specs.yml").get("argument_specs", {})
    for entry_point in entry_points.values():
        yield from entry_point.get("options", {})
