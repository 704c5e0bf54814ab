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
    cdi_specifications:
      description: Those from which containers get devices. Where several have a device, it comes from the one in the last folder.
      type: list
      elements: dict
      contains:
        path: {description: The file., type: str, sample: /var/run/cdi/nvidia.yaml}
        uuids:
          description: UUIDs of the GPUs and MIG instances that come from it.
          type: list
          elements: str
          sample: [GPU-0d1e2f3a-0000-0000-0000-000000000000]
        drivers: {description: Versions of the driver whose files it mounts., type: list, elements: str, sample: [580.95.05]}
    runtimes:
      description: The program of each runtime by its name; empty where it has none, as those of containerd's shims.
      type: dict
      sample: {nvidia: nvidia-container-runtime, runc: runc}
    nvidia_runtimes: {description: "Names of those that run NVIDIA's C(nvidia-container-runtime).", type: list, elements: str, sample: [nvidia]}
    default_runtime: {description: Name of the default runtime., type: str, sample: runc}
    live_restore: {description: Whether containers outlive a restart of the engine., type: bool, sample: false}
    containers:
      description: The running containers, by name.
      type: list
      elements: dict
      contains:
        name: {description: Name., type: str, sample: training}
        id: {description: Id., type: str, sample: 4f66ad9a0b2e}
        image: {description: "Image, as it was asked for.", type: str, sample: "pytorch/pytorch:2.9.0"}
        age: {description: Seconds since it was started., type: int, sample: 3600}
        runtime: {description: Name of its runtime., type: str, sample: nvidia}
        gpu_access:
          description:
            - How it got GPUs. V(hook) by NVIDIA's hook, so that C(systemctl daemon-reload) can take them away where systemd keeps the cgroups;
              V(devices) by device nodes that the runtime knows of, as CDI does it; V(none) where it has none.
          type: str
          sample: devices
    root_dir: {description: Directory in which the engine keeps its data., type: str, sample: /var/lib/docker}
    containerd_socket:
      description: Socket of the containerd that the engine runs on; empty where it does not say, as before 27.0.
      type: str
      sample: /run/containerd/containerd.sock
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
    "cdi_specifications": [],
    "runtimes": {},
    "nvidia_runtimes": [],
    "default_runtime": "",
    "live_restore": False,
    "root_dir": "",
    "containerd_socket": "",
    "containers": [],
}


def main() -> None:
    """Runs the module."""
    module = AnsibleModule({"docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"}}, supports_check_mode=True)
    docker_host = module.params["docker_host"]
    if not docker_host.startswith("unix://"):
        module.fail_json(msg=f"docker_host: '{docker_host}' is not a Unix socket. Write it like unix:///var/run/docker.sock.")
    try:
        answer = docker_socket.describe(docker_socket.get(docker_host, "/version"), docker_socket.get(docker_host, "/info"))
        answer["containers"] = docker_socket.running(docker_host)
        error = ""
    except OSError as problem:
        answer, error = UNKNOWN, f"{docker_host}: {problem.strerror or problem}"
    installed = module.get_bin_path("dockerd") is not None
    module.exit_json(changed=False, engine={"reachable": not error, "installed": installed, "error": error, **answer}, python_sdk=SDK)


if __name__ == "__main__":
    main()
