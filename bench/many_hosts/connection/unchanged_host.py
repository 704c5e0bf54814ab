# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A stand-in for an unchanged host. It answers each module as a host of the lab did, and runs nothing.

A host may hang, or stop answering, when it is asked for a module.
"""

from __future__ import annotations

import ast
import json
import re
import signal
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.connection import ConnectionBase
from ansible.utils.vars import merge_hash

DOCUMENTATION = """
name: unchanged_host
short_description: Answers modules for a host that does not exist
description:
  - Answers each module with the result that C(answers.json) has for it.
options:
  faults:
    description: What happens instead of an answer, V(hang) or V(unreachable), by module.
    type: dict
    default: {}
    vars: [{name: unchanged_host_faults}]
  answers:
    description: What is different in the answers of this host, by module.
    type: dict
    default: {}
    vars: [{name: unchanged_host_answers}]
  record:
    description: Folder for the options of the modules, in a file C(HOST.MODULE.json) each.
    type: str
    default: ''
    vars: [{name: unchanged_host_record}]
  host:
    description: Name of the host.
    type: str
    vars: [{name: inventory_hostname}]
"""

ANSWERS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "answers.json").read_text())
_MODULE = re.compile(rb"module_fqn=['\"](?:ansible_collections\.(\w+\.\w+)\.plugins|ansible)\.modules\.(\w+)['\"]")


def _options(wrapper: bytes) -> str:
    """The options of a module in what Ansible pipes to the host's Python."""
    texts = (node.value for node in ast.walk(ast.parse(wrapper)) if isinstance(node, ast.Constant))
    return next(text for text in texts if isinstance(text, str) and "ANSIBLE_MODULE_ARGS" in text)


class Connection(ConnectionBase):
    """Answers the modules that Ansible pipes to the host's Python."""

    transport = "unchanged_host"
    has_pipelining = True

    def _connect(self) -> Connection:
        self._connected = True
        return self

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        """The answer to a module."""
        module = _MODULE.search(in_data or b"")
        if not module:
            return 1, b"", f"this stand-in answers modules alone, not {cmd}".encode()
        name = f"{(module[1] or b'ansible.builtin').decode()}.{module[2].decode()}"
        fault = self.get_option("faults").get(name)
        if fault == "unreachable":
            raise AnsibleConnectionFailure("the stand-in stopped answering")
        while fault == "hang":
            signal.pause()
        if self.get_option("record"):
            file = f"{self.get_option('host')}.{name.rpartition('.')[2]}.json"
            Path(self.get_option("record"), file).write_text(_options(in_data or b""))
        answer = ANSWERS.get(name, {"failed": True, "msg": f"answers.json has no answer for {name}"})
        answer = merge_hash(answer, self.get_option("answers").get(name, {}))
        return 0, json.dumps(answer).encode(), b""

    def put_file(self, in_path: str, out_path: str) -> None:
        """Refuses files."""
        raise AnsibleError(f"{out_path}: this stand-in takes no files")

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Has no files."""
        raise AnsibleError(f"{in_path}: this stand-in has no files")

    def close(self) -> None:
        """Ends nothing."""
        self._connected = False
