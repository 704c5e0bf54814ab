# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from typing import IO, NamedTuple, Optional, Protocol

from ansible.module_utils.basic import AnsibleModule

# What timeout and shells end with if a program takes too long or cannot be run.
TIMED_OUT, NOT_RUN = 124, 127
_LOCALE = {"LC_ALL": "C.UTF-8"}


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
        """Where a program is; None if missing."""

    def run(
        self, arguments: list[str], environment: Optional[dict[str, str]] = None, given: str = "", folder: str = ""
    ) -> Answer:
        """Run a program with these arguments and this standard input in a folder, without a shell.

        A program that cannot be run ends with NOT_RUN.
        """

    def run_within(self, seconds: float, arguments: list[str]) -> Answer:
        """Run a program that may hang. One that takes longer than this is killed, and ends with TIMED_OUT."""


class ModuleCommands:
    """Runs programs by an AnsibleModule."""

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module

    def path(self, program: str) -> Optional[str]:
        """Where a program is; None if missing."""
        path: Optional[str] = self._module.get_bin_path(program)
        return path

    def run(
        self, arguments: list[str], environment: Optional[dict[str, str]] = None, given: str = "", folder: str = ""
    ) -> Answer:
        """Run a program with these arguments and this standard input in a folder, without a shell.

        A program that cannot be run ends with NOT_RUN.
        """
        variables = {**_LOCALE, **(environment or {})}
        try:
            code, output, errors = self._module.run_command(
                arguments,
                environ_update=variables,
                data=given or None,
                cwd=folder or None,
                handle_exceptions=False,
            )
        except OSError as error:
            return Answer(NOT_RUN, "", f"{arguments[0]}: {error.strerror or error}")
        return Answer(code, output, errors)

    def run_within(self, seconds: float, arguments: list[str]) -> Answer:
        """Run a program that may hang. One that takes longer than this is killed, and ends with TIMED_OUT."""
        # A process that waits for a broken device outlives SIGKILL, and would keep pipes open: it is left behind.
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            try:
                process = subprocess.Popen(  # pylint: disable=ansible-bad-function
                    arguments,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=errors,
                    env={**os.environ, **_LOCALE},
                    start_new_session=True,
                )
            except OSError as error:
                return Answer(NOT_RUN, "", f"{arguments[0]}: {error.strerror or error}")
            try:
                code = process.wait(seconds)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(1)
                return Answer(TIMED_OUT, "", f"{os.path.basename(arguments[0])} did not end within {seconds:g} s")
            return Answer(code, _text(output), _text(errors))


def _text(file: IO[bytes]) -> str:
    """What a program wrote into a file."""
    file.seek(0)
    return file.read().decode("utf-8", "replace")
