"""Runs container_service in a process of its own, which can be killed: also by itself, at a given file operation."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.engine.arguments import arguments

ROOT = Path(__file__).resolve().parents[2]
OPERATIONS = ("mkdir", "replace", "rmdir", "unlink")


def start(options: dict[str, Any], kill_at: int = 0, operations: Sequence[str] = OPERATIONS) -> subprocess.Popen[str]:
    """Start the module; with `kill_at` it dies just before the file operation of that number. Its output ends with what
    operations there were.

    A copy by sendfile dies partway instead.
    """
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.engine.child",
            json.dumps({"options": options, "kill_at": kill_at, "operations": operations}),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / ".cache" / "collections")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _operate(kill_at: int, operations: Sequence[str], done: list[str]) -> None:
    """Count the file operations of this process."""

    def counted(name: str) -> None:
        original = getattr(os, name)

        def call(*arguments: Any, **named: Any) -> Any:
            done.append(name)
            if len(done) == kill_at:
                if name == "sendfile":
                    original(*arguments[:3], arguments[3] // 2)
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*arguments, **named)

        setattr(os, name, call)

    for name in operations:
        counted(name)


def _main() -> None:
    from ansible.module_utils.testing import patch_module_args
    from ansible_collections.mlops.gpu_monitoring.plugins.modules import container_service

    given = json.loads(sys.argv[1])
    done: list[str] = []
    _operate(given["kill_at"], given["operations"], done)
    with patch_module_args(arguments(given["options"])):
        try:
            container_service.main()
        finally:
            print(json.dumps(done), file=sys.stderr)


if __name__ == "__main__":
    _main()
