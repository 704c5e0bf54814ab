#!/usr/bin/python
# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: docker_daemon_config
short_description: Merge settings into the Docker engine's daemon.json, or take them out
version_added: "0.1.0"
author:
  - mlops.gpu_monitoring contributors (@mlops)
description:
  - Merges settings into the engine's configuration file and leaves every other key as it is. The engine itself is not touched; reload it afterwards.
  - The new file is checked by C(dockerd --validate) before it takes the place of the old one, where the engine has that (23.0 and newer).
  - A file that is not JSON is refused and left as it is.
attributes:
  check_mode:
    description: Makes the same comparison and changes nothing.
    support: full
  diff_mode:
    description: Shows the settings before and after, without the values of C(proxies), which may hold passwords.
    support: full
options:
  path:
    description: The configuration file. A link is followed.
    type: path
    default: /etc/docker/daemon.json
  config:
    description:
      - With O(state=present) settings to merge in. Objects are merged, all other values are replaced.
      - With O(state=absent) settings to take out. A setting that has another value in the file stays, and so does an object that holds more.
        An object that is left empty goes.
    type: dict
    required: true
  state:
    description: Whether the settings are in the file.
    type: str
    choices: [present, absent]
    default: present
  backup:
    description: Whether to keep a copy of the old file beside it.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Add the NVIDIA runtime
  mlops.gpu_monitoring.docker_daemon_config:
    config:
      runtimes:
        nvidia:
          path: nvidia-container-runtime
"""

RETURN = r"""
path:
  description: The configuration file itself, where O(path) is a link.
  returned: success
  type: str
  sample: /etc/docker/daemon.json
backup_file:
  description: The copy of the old file.
  returned: when one was made
  type: str
  sample: /etc/docker/daemon.json.12345.2026-11-23@10:00:00~
"""

import os
import tempfile

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import daemon_config


def _read(path: str) -> str:
    """The file's text; empty where there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not text in UTF-8 ({error}). Mend the file; it was left as it is.") from error


def _validate(module: AnsibleModule, staged: str) -> None:
    """Has the engine's own program check the staged file, where it can."""
    dockerd = module.get_bin_path("dockerd")
    if not dockerd:
        return
    _code, usage, _errors = module.run_command([dockerd, "--help"])
    if "--validate" not in usage:
        return
    code, output, errors = module.run_command([dockerd, "--validate", "--config-file", staged])
    if code != 0:
        problem = " ".join((output + errors).replace(staged, "").split())
        module.fail_json(msg=f"config: dockerd refuses the merged configuration, and {module.params['path']} was left as it is: {problem}")


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(
        {
            "path": {"type": "path", "default": "/etc/docker/daemon.json"},
            "config": {"type": "dict", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "backup": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    path = os.path.realpath(module.params["path"])
    try:
        before = _read(path)
        present = daemon_config.parse(before, path)
    except (OSError, ValueError) as error:
        module.fail_json(msg=str(error))
    change = daemon_config.merge if module.params["state"] == "present" else daemon_config.without
    wanted = change(present, module.params["config"])
    if wanted == present:
        module.exit_json(changed=False, path=path)
    after = daemon_config.render(wanted)
    if os.path.exists(path) and not os.access(path, os.W_OK):
        module.fail_json(msg=f"path: {path} cannot be written: it is on a read-only file system, or chattr +i protects it. It was left as it is.")
    diff = {"before_header": path, "after_header": path, "before": daemon_config.shown(present), "after": daemon_config.shown(wanted)}
    result = {"changed": True, "path": path, "diff": diff}
    if module.check_mode:
        module.exit_json(**result)

    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    descriptor, staged = tempfile.mkstemp(dir=module.tmpdir, suffix=".json")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(after)
    _validate(module, staged)
    if os.path.exists(path):
        if module.params["backup"]:
            result["backup_file"] = module.backup_local(path)
    else:
        os.chmod(staged, 0o644)
    module.atomic_move(staged, path)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
