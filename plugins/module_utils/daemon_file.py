# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
import stat
import tempfile
from dataclasses import dataclass
from typing import Any, Optional, TypedDict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import daemon_config


class Diff(TypedDict):
    """A file before and after, as Ansible shows it."""

    before_header: str
    after_header: str
    before: str
    after: str


@dataclass(frozen=True)
class DaemonChange:
    """A change of the engine's configuration file. `backup_file` is empty if no copy was made.

    `secret` says that the change brings a password, which only root and the file's group may read.
    """

    path: str
    text: str
    diff: Diff
    backup_file: str = ""
    secret: bool = False


def plan(path: str, config: dict[str, Any], state: str) -> Optional[DaemonChange]:
    """The change that merges `config` into the file or removes it. Raises ValueError or OSError."""
    path = os.path.realpath(path)
    present = daemon_config.parse(_read(path), path)
    change = daemon_config.merge if state == "present" else daemon_config.without
    wanted = change(present, config)
    if wanted == present:
        return None
    if os.path.exists(path) and not os.access(path, os.W_OK):
        raise ValueError(
            f"path: {path} cannot be written: it is on a read-only file system, or chattr +i protects the file."
            " It was left unchanged."
        )
    diff: Diff = {
        "before_header": path,
        "after_header": path,
        "before": daemon_config.shown(present),
        "after": daemon_config.shown(wanted),
    }
    secret = state == "present" and daemon_config.has_password(config)
    return DaemonChange(path, daemon_config.render(wanted), diff, secret=secret)


def write(module: AnsibleModule, change: DaemonChange, backup: bool) -> DaemonChange:
    """Check the file by dockerd and put it in its place. Raises ValueError if dockerd refuses it."""
    os.makedirs(os.path.dirname(change.path), mode=0o755, exist_ok=True)
    descriptor, staged = tempfile.mkstemp(dir=module.tmpdir, suffix=".json")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(change.text)
    _validate(module, staged, change.path)
    backup_file = ""
    if not os.path.exists(change.path):
        os.chmod(staged, 0o644)
    elif backup:
        backup_file = module.backup_local(change.path)
    if change.secret:
        _close(change.path)
    module.atomic_move(staged, change.path)
    return DaemonChange(change.path, change.text, change.diff, backup_file)


def _close(path: str) -> None:
    """Keep others from reading the file. What takes its place has its mode."""
    with open(path, "a", encoding="utf-8"):
        os.chmod(path, stat.S_IMODE(os.stat(path).st_mode) & ~0o007)


def _read(path: str) -> str:
    """The file's text; empty if missing."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not text in UTF-8 ({error}). The file was left unchanged. Fix the file.") from error


def _validate(module: AnsibleModule, staged: str, path: str) -> None:
    """Check the staged file with the engine's own program, if it can."""
    dockerd = module.get_bin_path("dockerd")
    if not dockerd:
        return
    _code, usage, _errors = module.run_command([dockerd, "--help"])
    if "--validate" not in usage:
        return
    code, output, errors = module.run_command([dockerd, "--validate", "--config-file", staged])
    if code != 0:
        problem = " ".join((output + errors).replace(staged, "").split())
        raise ValueError(f"config: dockerd refuses the merged configuration, and {path} was left unchanged: {problem}")
