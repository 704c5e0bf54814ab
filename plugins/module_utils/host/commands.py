# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import NamedTuple, Optional, Protocol

from ansible.module_utils.basic import AnsibleModule


class Answer(NamedTuple):
    """How a program ended and what it said."""

    code: int
    output: str
    errors: str

    @property
    def text(self) -> str:
        """All that it said, in one line."""
        return " ".join((self.output + self.errors).split())


class Commands(Protocol):
    """Runs programs of the host."""

    def path(self, program: str) -> Optional[str]:
        """Where a program is; None where there is none."""

    def run(self, arguments: list[str], environment: Optional[dict[str, str]] = None, given: str = "") -> Answer:
        """Run a program with these arguments and this standard input, without a shell."""


class ModuleCommands:
    """Runs programs by an AnsibleModule."""

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module

    def path(self, program: str) -> Optional[str]:
        """Where a program is; None where there is none."""
        return self._module.get_bin_path(program)

    def run(self, arguments: list[str], environment: Optional[dict[str, str]] = None, given: str = "") -> Answer:
        """Run a program with these arguments and this standard input, without a shell."""
        variables = {"LC_ALL": "C.UTF-8", **(environment or {})}
        code, output, errors = self._module.run_command(arguments, environ_update=variables, data=given or None)
        return Answer(code, output, errors)
