# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ansible.errors import AnsibleActionFail

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup import slices


class HostFiles:
    """Files of a host, read and written in slices over the connection of a task.

    `execute` runs a command on the host. `python` is the interpreter of the host's modules.
    """

    def __init__(self, execute: Callable[..., Any], python: str) -> None:
        self._execute = execute
        self._python = python

    def read(self, path: str, size: int) -> Iterator[bytes]:
        """The first `size` bytes of a file. Raises AnsibleActionFail."""
        for offset in range(0, size, slices.BYTES):
            wanted = min(slices.BYTES, size - offset)
            answer = self._execute(slices.read_command(self._python, path, offset, wanted))
            try:
                piece = base64.b64decode(answer["stdout"]) if answer["rc"] == 0 else b""
            except (binascii.Error, ValueError):
                piece = b""
            if len(piece) != wanted:
                raise AnsibleActionFail(f"{path} cannot be read from the host. {_last_line(answer)}")
            yield piece

    def write(self, path: str, pieces: Iterable[bytes]) -> None:
        """Write a file that only its owner can read, piece by piece. Raises AnsibleActionFail."""
        offset = 0
        for piece in pieces:
            for start in range(0, len(piece), slices.BYTES):
                content = piece[start : start + slices.BYTES]
                answer = self._execute(slices.write_command(self._python, path, offset), in_data=content)
                if answer["rc"] != 0:
                    raise AnsibleActionFail(f"{path} cannot be written on the host. {_last_line(answer)}")
                offset += len(content)


def _last_line(answer: Any) -> str:
    lines = f"{answer.get('stdout', '')[-500:] if answer['rc'] else ''}\n{answer.get('stderr', '')}".strip().splitlines()
    return f"{lines[-1].rstrip('.')}." if lines else "The connection gave no reason."
