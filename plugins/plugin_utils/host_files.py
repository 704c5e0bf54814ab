# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup import slices


class HostFiles:
    """Files of a host, read and written over the connection of a task.

    `execute` runs a command on the host. `python` is the interpreter of the host's modules. A connection whose own user
    is root transfers whole files itself. With privilege escalation files go in slices, since the user of the connection
    cannot read these.
    """

    def __init__(self, execute: Callable[..., Any], python: str, connection: Any) -> None:
        self._run_command = execute
        self._python = python
        self._connection = connection
        self._transfers = self._is_root()

    def fetch(self, path: str, size: int, target: str) -> None:
        """Copy a file of the host into a new file of the controller. Raises AnsibleActionFail."""
        with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            if not self._transfers:
                file.writelines(self.read(path, size))
        if self._transfers:
            self._connection.fetch_file(path, target)

    def put(self, source: str, path: str) -> None:
        """Copy a file of the controller into a new file of the host, which only its owner can read."""
        if not self._transfers:
            with open(source, "rb") as file:
                self.write(path, iter(lambda: file.read(slices.BYTES), b""))
        else:
            self._run(slices.create_command(self._python, path), path)
            self._connection.put_file(source, path)

    def read(self, path: str, size: int) -> Iterator[bytes]:
        """The first `size` bytes of a file. Raises AnsibleActionFail."""
        for offset in range(0, size, slices.BYTES):
            wanted = min(slices.BYTES, size - offset)
            answer = self._execute(slices.read_command(self._python, path, offset, wanted), in_data=slices.NO_INPUT)
            try:
                piece = base64.b64decode(answer["stdout"]) if answer["rc"] == 0 else b""
            except (binascii.Error, ValueError):
                piece = b""
            if len(piece) != wanted:
                # Its standard output is of the file, which may be a secret.
                raise AnsibleActionFail(f"{path} cannot be read from the host. {_last_line(answer.get('stderr', ''))}")
            yield piece

    def write(self, path: str, pieces: Iterable[bytes]) -> None:
        """Write a new file that only its owner can read, piece by piece. Raises AnsibleActionFail."""
        self._run(slices.create_command(self._python, path), path)
        offset = 0
        for piece in pieces:
            for start in range(0, len(piece), slices.BYTES):
                content = piece[start : start + slices.BYTES]
                self._run(slices.write_command(self._python, path, offset), path, content)
                offset += len(content)

    def _run(self, command: str, path: str, content: bytes = slices.NO_INPUT) -> None:
        answer = self._execute(command, in_data=content)
        if answer["rc"] != 0:
            text = f"{answer['stdout'][-500:]}\n{answer.get('stderr', '')}"
            raise AnsibleActionFail(f"{path} cannot be written on the host. {_last_line(text)}")

    def _execute(self, command: str, **options: Any) -> Any:
        """The answer to a command. A connection over SSH would print the answer, which may be a secret, at -vvv."""
        context = self._connection._play_context
        with_no_log, context.no_log = context.no_log, True
        try:
            return self._run_command(command, **options)
        finally:
            context.no_log = with_no_log

    def _is_root(self) -> bool:
        """Whether the user of the connection itself is root."""
        answer = self._execute("id -u", sudoable=False)
        return bool(answer["rc"] == 0 and answer["stdout"].strip() == "0")


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return f"{lines[-1].rstrip('.')}." if lines else "The connection gave no reason."
