# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import copy
import ipaddress
import os
from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleError, AnsibleTemplateSyntaxError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.template import Templar, trust_as_template

ROLES = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", "roles"))
_FACTS = (
    "The value reads facts of the host, which this run has not gathered."
    " Gather them in a play before this one, or set a value that needs no facts"
)


class VariableError(ValueError):
    """A variable of a host that cannot be used, as `<variable> on <host>: <problem>. <Fix>.`"""

    def __init__(self, variable: str, host: str, problem: object, fix: str) -> None:
        self.parts = variable, host, problem, fix
        super().__init__(f"{variable} on {host}: {str(problem).rstrip('.')}. {fix.rstrip('.')}.")


class HostVariables:
    """The variables of the inventory's hosts, each evaluated in the context of its own host, as the task would see them
    there.

    `hostvars[host]` of a template has neither `hostvars` nor what the play sets, so a variable that needs them fails
    there.
    """

    def __init__(self, loader: Any, task_vars: Mapping[str, Any], play: Any, task: Any = None) -> None:
        self._loader = loader
        self._play, self._task = play, task
        self._hostvars = task_vars["hostvars"]
        self._templar = Templar(loader=loader)
        self._current = ""
        self._variables: dict[str, Any] = {}
        # Ansible puts the variables of a host together each time.
        self._known: dict[str, Mapping[str, Any]] = {}
        # Defaults of roles read the table of images, which only tasks of roles have.
        self._defaults = {**self.read_of_role("common", "vars", "main", "images.yml"), **_role_defaults(play, task)}
        self._first_defaults = dict(self._defaults)
        self._overrides: dict[str, Any] = {}
        self.play_hosts = [
            str(host) for host in task_vars.get("ansible_play_hosts_all", [task_vars["inventory_hostname"]])
        ]
        self.groups = {name: [str(host) for host in hosts] for name, hosts in task_vars["groups"].items()}

    def in_groups(self, *groups: str) -> list[str]:
        """The hosts of groups, each once, in the order of the inventory."""
        return list(dict.fromkeys(host for group in groups for host in self.groups.get(group, [])))

    def without_defaults(self) -> HostVariables:
        """The same variables, without the defaults and overrides of this object."""
        fresh = copy.copy(self)
        fresh._defaults, fresh._overrides, fresh._current = dict(self._first_defaults), {}, ""
        fresh._templar = Templar(loader=self._loader)
        return fresh

    def use_defaults(self, *roles: str) -> None:
        """Let the defaults of roles count if neither inventory nor play sets a variable."""
        self._use("defaults", roles)

    def use_variables(self, *roles: str) -> None:
        """Let the other variables of roles count too, if neither inventory nor play sets a variable."""
        self._use("vars", roles)

    def _use(self, folder: str, roles: Sequence[str]) -> None:
        for role in roles:
            self._defaults.update(self.read_of_role(role, folder, "main.yml"))
        self._current = ""

    def override(self, **values: Any) -> None:
        """Let these values count, whatever inventory and play set."""
        self._overrides = values
        self._current = ""

    def read_of_role(self, role: str, *path: str) -> dict[str, Any]:
        """The content of a YAML file of one of the collection's roles, empty if missing."""
        file = os.path.join(ROLES, role, *path)
        # What was read is shared: a copy of it would take as long as an evaluation of all its variables.
        content = (
            self._loader.load_from_file(file, unsafe=True, trusted_as_template=True) if os.path.exists(file) else None
        )
        return dict(content or {})

    def is_set(self, host: str, name: str) -> bool:
        """Whether the inventory or the play sets a variable, other than to the default of its role."""
        variables = self._of(host)
        return name in variables and variables[name] is not None and not _same(self._defaults, name, variables[name])

    def set_names(self, host: str, prefix: str) -> list[str]:
        """The variables with a prefix that the inventory or the play sets, other than to the default of their role."""
        return [name for name in self._of(host) if name.startswith(prefix) and self.is_set(host, name)]

    def is_read(self, host: str, name: str) -> bool:
        """Whether the value of another variable has the name of a variable in it."""
        # hostvars and vars have copies of all variables.
        skipped = {name, "hostvars", "vars"}
        return any(name in str(value) for other, value in self._of(host).items() if other not in skipped)

    def is_null(self, host: str, name: str) -> bool:
        """Whether the inventory or the play sets a variable to null, which is not a default of its role."""
        variables = self._of(host)
        return name in variables and variables[name] is None and self._defaults.get(name) is not None

    def get(self, host: str, name: str) -> Any:
        """The value of a variable; None if missing. Raises VariableError if it cannot be evaluated."""
        return self._evaluate(host, name, lambda variables: self._templar.template(variables.get(name)))

    def is_true(self, host: str, name: str) -> bool:
        """Whether a variable is true, as one that is missing is too. Raises VariableError for a value that is not a
        boolean.
        """
        value = self.get(host, name)
        try:
            return value is None or boolean(value)
        except TypeError as error:
            raise VariableError(
                name, host, f"'{value}' is neither true nor false", "Set it to true or false"
            ) from error

    def expression(self, host: str, name: str, expression: str) -> Any:
        """The value of an expression over the host's variables; `name` is the variable that an error names."""
        return self._evaluate(
            host, name, lambda _variables: self._templar.evaluate_expression(trust_as_template(expression))
        )

    def _evaluate(self, host: str, name: str, template: Any) -> Any:
        variables = self._of(host)
        try:
            return template(variables)
        except AnsibleError as error:
            reason = " ".join(str(error).split())
            raw = str(variables.get(name))
            facts = "ansible_facts" in raw or "ansible_default" in raw
            fix = _FACTS if facts else "Correct the value, or the variables that it is made of"
            if isinstance(error, AnsibleTemplateSyntaxError):
                fix += ". Mark text with double braces for Prometheus or Alertmanager as !unsafe"
            raise VariableError(name, host, f"the value cannot be evaluated: {reason}", fix) from error

    def _of(self, host: str) -> dict[str, Any]:
        if host != self._current:
            if host not in self._known:
                self._known[host] = self._read(host)
            variables = {**self._defaults, **self._known[host], **self._overrides, "hostvars": self._hostvars}
            self._templar.available_variables = variables
            self._current, self._variables = host, variables
        return self._variables

    def _read(self, host: str) -> Mapping[str, Any]:
        """What the inventory and the play set."""
        manager = self._play.get_variable_manager()
        known: Mapping[str, Any] = manager.get_vars(
            play=self._play,
            host=manager._inventory.get_host(host),
            task=self._task,
            include_hostvars=False,
            # Ansible would match the play's pattern against the inventory for each host.
            _hosts=self.play_hosts,
            _hosts_all=self.play_hosts,
        )
        return known


def tls_switch(variables: HostVariables, host: str) -> bool | None:
    """Whether a host must speak TLS; None if no variable decides."""
    for name in ("tls_enabled", "gpu_monitoring_tls"):
        if variables.is_set(host, name):
            return variables.is_true(host, name)
    return None


def port_of(variables: HostVariables, host: str, name: str) -> int:
    """The value of a variable with a port. Raises VariableError for a value that is not a port."""
    value = variables.get(host, name)
    if not str(value).isdigit() or not 1 <= int(value) <= 65535:
        raise VariableError(name, host, f"'{value}' is not a port number", "Set it to a number from 1 to 65535")
    return int(value)


def reached_address(variables: HostVariables, host: str, name: str, address: str, others: Sequence[str]) -> str:
    """Where other hosts reach a port that a host publishes on the address of a variable. `address` is that of the host,
    for a port on all addresses. Raises VariableError for an address that the others cannot reach.
    """
    if not variables.is_set(host, name):
        return address
    given = str(variables.get(host, name))
    try:
        ip = ipaddress.ip_address(given)
    except ValueError:
        # The check of published addresses refuses it.
        return address
    if ip.is_loopback and others:
        raise VariableError(
            name,
            host,
            f"{given} is an address of the loopback, which {others[0]} cannot reach",
            f"Set it to an address of {host} on the network, or to 0.0.0.0",
        )
    return address if ip.is_unspecified else given


def _same(variables: Mapping[str, Any], name: str, value: Any) -> bool:
    return name in variables and (variables[name] is value or variables[name] == value)


def _role_defaults(play: Any, task: Any) -> dict[str, Any]:
    """The defaults of the roles that a task runs in, and of those that its play names."""
    defaults: dict[str, Any] = {}
    for role in play.roles:
        defaults.update(role.get_default_vars())
    if task and task._role:
        defaults.update(task._role.get_default_vars(task.get_dep_chain()))
    return defaults
