#!/usr/bin/python
# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: nvidia_container_toolkit
short_description: GPUs for containers, by the NVIDIA container toolkit
version_added: "0.1.0"
author:
  - mlops.gpu_monitoring contributors (@mlops)
description:
  - >-
    Compares the toolkit of a host with the options, and makes the needed changes. The role C(nvidia_container_toolkit)
    runs this module.
  - If O(host) already matches the options, nothing runs on the host.
  - >-
    Before each step that could harm a running container, the module lists the containers again, in the same remote
    execution.
  - A step that would harm a running container is skipped, with a warning that names the container.
attributes:
  action:
    description: The plan is made on the controller from O(host).
    support: full
  check_mode:
    description: Makes the same plan and changes nothing.
    support: full
  diff_mode:
    description: Shows the repository file and C(daemon.json) before and after, without credentials.
    support: full
options:
  host:
    description:
      - Result of M(mlops.gpu_monitoring.host_info) for the host in this run.
      - By default, the module inspects the host itself.
    type: dict
  state:
    description:
      - >-
        V(present) installs the toolkit if it is missing, and gives the Docker engine's containers access to the GPUs.
      - V(absent) removes only what the role installed.
    type: str
    choices: [present, absent]
    default: present
  version:
    description:
      - Version of the four packages, without the revision.
      - If it is empty, a working toolkit of O(minimum_version) or newer is left unchanged.
    type: str
    default: ""
  default_version:
    description: Version that is installed without such a toolkit if O(version) is empty.
    type: str
    required: true
  minimum_version:
    description: Oldest version that the collection works with.
    type: str
    required: true
  driver_minimum:
    description: Oldest version of the driver.
    type: str
    required: true
  repository_url:
    description: URL of the package repository; if empty, NVIDIA's own.
    type: str
    default: ""
  key:
    description: >-
      The ASCII-armoured key that signs the repository, as a URL that the host fetches, the path of a file on the
      controller, or text.
    type: str
    required: true
  key_fingerprint:
    description: Fingerprint of O(key), 40 or 64 hexadecimal digits. White space is ignored.
    type: str
    required: true
  allow_daemon_reload:
    description: Whether packages may change while running containers have GPUs by NVIDIA's hook.
    type: bool
    default: false
  allow_restart:
    description: >-
      Whether the engine may be restarted if a reload is not enough and no container stops.
    type: bool
    default: false
  services_removed:
    description:
      - Whether the services of this collection are removed first, as in the playbook C(remove).
      - In check mode these services still run. O(state=absent) then ignores their containers.
    type: bool
    default: false
  name:
    description: Name of the host in messages.
    type: str
    required: true
  bundle:
    description:
      - >-
        Folder of a bundle on the controller, from which the packages and the key come instead of O(repository_url) and
        O(key). It needs O(host).
      - >-
        The module copies the files that the host needs to C(/var/lib/gpu_monitoring/packages), where they stay as the
        host's repository. The free space of the host is checked first.
      - The signatures and the fingerprint are checked as for any other repository.
    type: path
  bundle_archive:
    description: Path on the host of an archive that the action makes of O(bundle). Do not set it.
    type: path
    default: ""
  docker_host:
    description: The engine's socket.
    type: str
    default: unix:///var/run/docker.sock
"""

EXAMPLES = r"""
- name: Inspect the host
  mlops.gpu_monitoring.host_info:
  register: host

- name: Give containers access to the GPUs
  mlops.gpu_monitoring.nvidia_container_toolkit:
    host: "{{ host }}"
    default_version: 1.20.1
    minimum_version: 1.12.0
    driver_minimum: 418.81.07
    key: https://nvidia.github.io/libnvidia-container/gpgkey
    key_fingerprint: C95B321B61E88C1809C4F759DDCAE044F796ECB0
    name: "{{ inventory_hostname }}"

- name: Remove the toolkit that the role installed
  mlops.gpu_monitoring.nvidia_container_toolkit:
    host: "{{ host }}"
    state: absent
    default_version: 1.20.1
    minimum_version: 1.12.0
    driver_minimum: 418.81.07
    key: https://nvidia.github.io/libnvidia-container/gpgkey
    key_fingerprint: C95B321B61E88C1809C4F759DDCAE044F796ECB0
    name: "{{ inventory_hostname }}"
"""

RETURN = r"""
actions:
  description: What was done or, in check mode, would be done, in this order.
  returned: success
  type: list
  elements: str
  sample: [InstallPackages, HoldPackages, AddRuntime]
mechanism:
  description: How containers get the GPUs, V(cdi) or V(runtime); empty if they get none.
  returned: success
  type: str
  sample: cdi
msg:
  description: A message about the host; empty if nothing is to report.
  returned: success
  type: str
  sample: This host has no NVIDIA GPU. The NVIDIA container toolkit is left out here.
host:
  description: The host afterwards, as M(mlops.gpu_monitoring.host_info) returns it.
  returned: when something was done
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.commands import ModuleCommands
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.look import DOCKER_HOST
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit.carry_out import Toolkit
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit.errors import ToolkitError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit.options import OPTIONS, wanted


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(
        {
            **OPTIONS,
            "docker_host": {"type": "str", "default": DOCKER_HOST},
            "bundle": {"type": "path"},
            "bundle_archive": {"type": "path", "default": ""},
        },
        supports_check_mode=True,
    )
    try:
        toolkit = Toolkit(
            module,
            ModuleCommands(module),
            module.params["docker_host"],
            wanted(module.params, module.check_mode),
            module.params["bundle_archive"],
        )
        outcome = toolkit.preview() if module.check_mode else toolkit.reconcile()
    except (ToolkitError, ValueError) as error:
        module.fail_json(msg=str(error))
    for warning in outcome.warnings:
        module.warn(warning)
    module.exit_json(
        changed=bool(outcome.done),
        actions=outcome.done,
        mechanism=outcome.plan.mechanism,
        msg=outcome.plan.note,
        diff=outcome.diffs,
        **({} if module.check_mode else {"host": outcome.host}),
    )


if __name__ == "__main__":
    main()
