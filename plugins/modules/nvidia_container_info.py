#!/usr/bin/python
# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: nvidia_container_info
short_description: The NVIDIA GPUs that a container sees
version_added: "0.1.0"
author:
  - mlops.gpu_monitoring contributors (@mlops)
description:
  - >-
    Runs C(nvidia-smi -L) in a new container that gets all GPUs, and removes the container. No other container is
    touched, and no work is put on a GPU.
  - With O(gpus) it compares them with the GPUs that the host has, and fails with the difference.
attributes:
  check_mode:
    description: Runs in check mode and changes nothing.
    support: partial
    details: No container is run in check mode, so that nothing is returned.
  diff_mode:
    description: Has no differences to show.
    support: none
options:
  image:
    description:
      - >-
        The image, pulled if the host does not have it. Any image with the GNU C library will do; its entry point is not
        used.
    type: str
    required: true
  mechanism:
    description: >-
      How the container gets the GPUs. V(auto) takes CDI if the engine has a CDI specification of them, and the runtime
      C(nvidia) otherwise.
    type: str
    choices: [auto, cdi, runtime]
    default: auto
  gpus:
    description: The GPUs that the container must see, as C(gpu.gpus) of M(mlops.gpu_monitoring.host_info).
    type: list
    elements: dict
  timeout:
    description: Seconds within which the container must have ended.
    type: int
    default: 60
  bundle:
    description:
      - Folder on the controller with a bundle of M(mlops.gpu_monitoring.image_bundle). The image then counts as present
        only with a digest of the bundle, and must come from the variable of a role.
    type: path
    default: ""
  bundled_images:
    description: The image of O(bundle) by its name on the host. Tasks leave it out.
    type: dict
    default: {}
  docker_host:
    description: Address of the Docker engine.
    type: str
    default: unix:///var/run/docker.sock
  registry:
    description:
      - >-
        Registry to log in to with O(registry_username), as C(host[:port]), or with the path of its images. Docker Hub
        if it is empty.
      - >-
        Another registry never gets this login. It gets what C(docker login) left in C(~/.docker/config.json) of the
        user that the module runs as, credential helpers included. A helper that does not work is a warning, and the
        pull continues without credentials.
    type: str
    default: ""
  registry_username:
    description: >-
      User of O(registry), for pulling images. If it is empty, C(~/.docker/config.json) counts for all registries.
    type: str
    default: ""
  registry_password:
    description: Password or access token of O(registry_username).
    type: str
    default: ""
  registry_ca:
    description: As the option O(mlops.gpu_monitoring.container_service#module:registry_ca).
    type: str
    default: ""
  mirrors:
    description: As the option O(mlops.gpu_monitoring.container_service#module:mirrors).
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Inspect the host
  mlops.gpu_monitoring.host_info:
  register: host

- name: Check that containers see all GPUs
  mlops.gpu_monitoring.nvidia_container_info:
    image: docker.io/library/ubuntu:24.04
    gpus: "{{ host.gpu.gpus }}"

- name: See which GPUs a container gets by CDI
  mlops.gpu_monitoring.nvidia_container_info:
    image: docker.io/library/ubuntu:24.04
    mechanism: cdi
  register: container
"""

RETURN = r"""
mechanism:
  description: How the container got the GPUs, V(cdi) or V(runtime).
  returned: not in check mode
  type: str
  sample: cdi
uuids:
  description: UUIDs of the GPUs and MIG instances that the container saw.
  returned: not in check mode
  type: list
  elements: str
  sample: [GPU-0d1e2f3a-0000-0000-0000-000000000000]
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host import gpu, nvidia_smi
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import (
    bundled,
    image_pull,
    registry_ca,
    registry_login,
    spec,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine import Engine
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError

LINES = 200
# How the container got the GPUs, by which option of docker run, and what to do if it does not see them.
_WAYS = {
    "cdi": (
        "by CDI",
        f"--device {spec.CDI_REQUEST['DeviceIDs'][0]}",
        "write the CDI specification again (systemctl restart nvidia-cdi-refresh)",
    ),
    "runtime": (
        "by the runtime nvidia",
        "--runtime=nvidia --env NVIDIA_VISIBLE_DEVICES=all",
        "correct the program of runtimes.nvidia in daemon.json and its mode in"
        " /etc/nvidia-container-runtime/config.toml",
    ),
}


def _body(image: str, mechanism: str, selinux: bool) -> dict[str, Any]:
    """The body of ContainerCreate (https://docs.docker.com/reference/api/engine/)."""
    host_config: dict[str, Any] = {
        "CapDrop": ["ALL"],
        # SELinux keeps containers from devices and from the driver's files.
        "SecurityOpt": ["no-new-privileges", *(["label=disable"] if selinux else [])],
        "NetworkMode": "none",
        "LogConfig": {"Type": spec.READABLE_LOG_DRIVER},
    }
    if mechanism == "cdi":
        host_config["DeviceRequests"] = [spec.CDI_REQUEST]
    else:
        host_config["Runtime"] = "nvidia"
    environment = (
        [f"{name}={value}" for name, value in spec.NVIDIA_ENVIRONMENT.items()] if mechanism == "runtime" else []
    )
    return {
        "Image": image,
        "Entrypoint": ["nvidia-smi"],
        "Cmd": ["-L"],
        "Env": environment,
        "User": "0",
        "HostConfig": host_config,
    }


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(
        {
            "image": {"type": "str", "required": True},
            "mechanism": {"type": "str", "choices": ["auto", "cdi", "runtime"], "default": "auto"},
            "gpus": {"type": "list", "elements": "dict"},
            "timeout": {"type": "int", "default": 60},
            "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
            "bundle": {"type": "path", "default": ""},
            "bundled_images": bundled.OPTION,
            **registry_login.OPTIONS,
        },
        supports_check_mode=True,
    )
    if module.check_mode:
        module.exit_json(changed=False)
    image, of_host = module.params["image"], module.params["gpus"]
    try:
        engine = Engine(module.params["docker_host"], registry_login.given(module.params))
        mechanism = spec.gpu_mechanism(module.params["mechanism"], *engine.gpu_abilities())
        selinux = engine.confinement().selinux
        trusted = registry_ca.of_options(module.params, check_mode=False)
        of_bundle = bundled.parse(module.params["bundled_images"]).get(image)
        if bundled.accepted(engine.image(image), of_bundle) is None:
            image_pull.pull(engine, image, of_bundle)
            for warning in engine.warnings:
                module.warn(warning)
    except ServiceError as error:
        module.fail_json(msg=f"image: {error}")
    way, option, fix = _WAYS[mechanism]
    checked = f"A container of {image} that got the GPUs {way}"
    by_hand = f"docker run --rm {option} --entrypoint nvidia-smi {image} -L"
    advice = f"Give an image with the GNU C library, or {fix}. To try it by hand: {by_hand}"
    try:
        name = f"gpu-monitoring-check-{os.getpid()}"
        code, output = engine.run(name, _body(image, mechanism, selinux), module.params["timeout"], LINES)
    except ServiceError as error:
        module.fail_json(msg=f"{checked} did not run. {error}. {advice}")
    of_container = nvidia_smi.parse_list(output)
    problem = gpu.difference(of_host, of_container) if of_host is not None else ""
    # A lost GPU makes nvidia-smi end with an error, though it lists the others.
    if code != 0 and (problem or not of_host):
        module.fail_json(msg=f"{checked} ended with {code}: {output or 'it said nothing'}. {advice}")
    if problem:
        module.fail_json(msg=f"{checked} {problem}. nvidia-smi -L in it said: {output or 'nothing'}. {advice}")
    instances = (instance["uuid"] for listed in of_container.values() for instance in listed)
    uuids = sorted({*of_container, *instances})
    module.exit_json(changed=bool(trusted), mechanism=mechanism, uuids=uuids, diff=trusted)


if __name__ == "__main__":
    main()
