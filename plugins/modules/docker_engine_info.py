#!/usr/bin/python
# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: docker_engine_info
short_description: What the Docker engine of a host is and can do
version_added: "0.1.0"
author:
  - mlops.gpu_monitoring contributors (@mlops)
description:
  - Asks the engine over its socket, with nothing but Python's standard library, and says whether the Docker SDK for Python is there.
  - A host without an engine is an answer, not a failure.
attributes:
  check_mode:
    description: Runs in check mode and changes nothing.
    support: full
  diff_mode:
    description: Has no differences to show.
    support: none
options:
  docker_host:
    description: The engine's socket.
    type: str
    default: unix:///var/run/docker.sock
"""

EXAMPLES = r"""
- name: Ask the Docker engine
  mlops.gpu_monitoring.docker_engine_info:
  register: docker

- name: Show how containers can get GPUs here
  ansible.builtin.debug:
    msg: "{{ 'CDI' if docker.engine.cdi_gpus else 'runtimes: ' ~ docker.engine.runtimes | join(', ') }}"
"""

RETURN = r"""
engine:
  description: The engine.
  returned: always
  type: dict
  contains:
    reachable: {description: Whether the engine answers., type: bool, sample: true}
    installed: {description: Whether C(dockerd) is in the search path., type: bool, sample: true}
    error: {description: Why the engine does not answer; empty where it does., type: str, sample: ""}
    version: {description: Version of the engine., type: str, sample: 28.5.1}
    api_version: {description: Newest API version of the engine., type: str, sample: "1.51"}
    cdi_enabled: {description: Whether the engine reads CDI specifications., type: bool, sample: true}
    cdi_gpus: {description: Whether one of them is of kind C(nvidia.com/gpu)., type: bool, sample: true}
    runtimes: {description: Names of the runtimes., type: list, elements: str, sample: [io.containerd.runc.v2, nvidia, runc]}
    default_runtime: {description: Name of the default runtime., type: str, sample: runc}
    live_restore: {description: Whether containers outlive a restart of the engine., type: bool, sample: false}
    containers_running: {description: Number of running containers., type: int, sample: 12}
    root_dir: {description: Directory in which the engine keeps its data., type: str, sample: /var/lib/docker}
python_sdk:
  description: Version of the Docker SDK for the Python that Ansible uses on the host; null where it is missing.
  returned: always
  type: str
  sample: 7.1.0
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import docker_socket

try:
    import docker
except ImportError:
    SDK = None
else:
    SDK = docker.__version__

UNKNOWN = {
    "version": "",
    "api_version": "",
    "cdi_enabled": False,
    "cdi_gpus": False,
    "runtimes": [],
    "default_runtime": "",
    "live_restore": False,
    "containers_running": 0,
    "root_dir": "",
}


def main() -> None:
    """Runs the module."""
    module = AnsibleModule({"docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"}}, supports_check_mode=True)
    docker_host = module.params["docker_host"]
    if not docker_host.startswith("unix://"):
        module.fail_json(msg=f"docker_host: '{docker_host}' is not a Unix socket. Write it like unix:///var/run/docker.sock.")
    try:
        answer = docker_socket.describe(docker_socket.get(docker_host, "/version"), docker_socket.get(docker_host, "/info"))
        error = ""
    except OSError as problem:
        answer, error = UNKNOWN, f"{docker_host}: {problem.strerror or problem}"
    installed = module.get_bin_path("dockerd") is not None
    module.exit_json(changed=False, engine={"reachable": not error, "installed": installed, "error": error, **answer}, python_sdk=SDK)


if __name__ == "__main__":
    main()
