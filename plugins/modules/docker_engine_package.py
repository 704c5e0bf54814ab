#!/usr/bin/python
# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: docker_engine_package
short_description: Install the package of the Docker engine on Debian or Ubuntu
version_added: "0.1.0"
author:
  - mlops.gpu_monitoring contributors (@mlops)
description:
  - >-
    Installs a package with C(apt-get). It needs no Python bindings of apt, which only the Python of the distribution
    has.
  - >-
    No package is removed. If the engine would take the place of another package, apt-get refuses, and the error names
    that package.
  - >-
    Repositories that do not answer are a warning, as are entries of the NVIDIA container toolkit's repository that
    contradict each other.
  - Locks of apt and dpkg are waited for, up to five minutes. The message names the process that holds the lock.
  - A host on which dpkg left packages halfway is refused, since C(apt-get) would finish the packages of others too.
attributes:
  check_mode:
    description: Runs in check mode and changes nothing.
    support: full
  diff_mode:
    description: Has no differences to show.
    support: none
options:
  package:
    description: Name of the package.
    type: str
    required: true
  name:
    description: Name of the host in messages.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Install the Docker engine
  mlops.gpu_monitoring.docker_engine_package:
    package: docker.io
    name: "{{ inventory_hostname }}"
  become: true

- name: Install the Docker engine from Docker's own repository, which the host has already
  mlops.gpu_monitoring.docker_engine_package:
    package: docker-ce
    name: "{{ inventory_hostname }}"
  become: true
"""

RETURN = r"""
msg:
  description: What was installed or, in check mode, would be.
  returned: success
  type: str
  sample: docker.io was installed.
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.commands import ModuleCommands
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.packages.engine_package import install
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.packages.errors import PackageError


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(
        {"package": {"type": "str", "required": True}, "name": {"type": "str", "required": True}},
        supports_check_mode=True,
    )
    package, name = module.params["package"], module.params["name"]
    if module.check_mode:
        module.exit_json(changed=True, msg=f"Would install {package}.")
    try:
        warnings = install(ModuleCommands(module), package)
    except (OSError, PackageError) as error:
        module.fail_json(msg=f"docker_engine_package on {name}: {package} cannot be installed: {error}")
    for warning in warnings:
        module.warn(f"{name}: {warning}")
    module.exit_json(changed=True, msg=f"{package} was installed.")


if __name__ == "__main__":
    main()
