#!/usr/bin/python
# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: docker_daemon_config
short_description: Merge settings into the Docker engine's daemon.json, or remove them
version_added: "0.1.0"
author:
  - mlops.gpu_monitoring contributors (@mlops)
description:
  - >-
    Merges settings into the engine's configuration file and leaves every other key unchanged. The module does not
    reload the engine.
  - >-
    C(dockerd --validate) of Docker 23.0 and newer checks the new file before it replaces the old one.
  - A file that is not JSON is refused and left unchanged.
  - If the module adds a proxy with a password, only the owner and the group can read the file.
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
      - With O(state=present), settings to merge. Objects are merged, all other values are replaced.
      - >-
        With O(state=absent), settings to remove. A setting with another value in the file stays, and so does an object
        with other settings. An empty object is removed.
    type: dict
    required: true
  state:
    description: Whether the settings must be in the file.
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

- name: Remove the NVIDIA runtime
  mlops.gpu_monitoring.docker_daemon_config:
    config:
      runtimes:
        nvidia:
          path: nvidia-container-runtime
    state: absent

- name: Limit the logs of new containers
  mlops.gpu_monitoring.docker_daemon_config:
    config:
      log-driver: local
      log-opts: {max-size: 10m}
"""

RETURN = r"""
path:
  description: The configuration file itself, if O(path) is a link.
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

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import daemon_file


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
    params = module.params
    try:
        change = daemon_file.plan(params["path"], params["config"], params["state"])
        if change is None:
            module.exit_json(changed=False, path=os.path.realpath(params["path"]))
        if not module.check_mode:
            change = daemon_file.write(module, change, params["backup"])
    except (OSError, ValueError) as error:
        module.fail_json(msg=str(error))
    backup = {"backup_file": change.backup_file} if change.backup_file else {}
    module.exit_json(changed=True, path=change.path, diff=change.diff, **backup)


if __name__ == "__main__":
    main()
