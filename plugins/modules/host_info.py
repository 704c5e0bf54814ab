#!/usr/bin/python
# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: host_info
short_description: The GPUs, the Docker engine and the NVIDIA container toolkit of a host
version_added: "0.1.0"
author:
  - mlops.gpu_monitoring contributors (@mlops)
description:
  - Returns in one remote execution all facts of a host that the roles of this collection need in a run without changes.
  - A host without a GPU, a Docker engine or the toolkit is not a failure.
  - If the driver does not show all GPUs of the hardware, a warning says what to do.
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
  files:
    description: Files whose existence and hash are returned. Their content is not.
    type: list
    elements: path
    default: []
  json_files:
    description: JSON files whose content is returned.
    type: list
    elements: path
    default: []
    version_added: "0.1.0"
  only_files:
    description: >-
      Whether to return only O(files) and O(json_files), without asking the driver, the engine or the package manager.
    type: bool
    default: false
  roles:
    description:
      - >-
        Roles of this collection that the run is about to deploy on the host. Names of containers and ports that
        something else uses are returned as C(conflicts).
      - Roles that the tags of the run leave out do not count.
    type: list
    elements: str
    choices:
      - alertmanager
      - cadvisor
      - container_gpu_collector
      - dcgm_exporter
      - grafana
      - node_exporter
      - prometheus
      - victoria_metrics
    default: []
  planned_services:
    description: The containers of O(roles). The action plugin sets the option from the variables of the roles.
    type: list
    elements: dict
    default: []
    suboptions:
      role: {description: The role., type: str, required: true}
      container: {description: Name of the container., type: str, required: true}
      service: {description: Name of the service., type: str, default: ""}
      network: {description: Docker network of the container., type: str, default: ""}
      address: {description: IP address on which the port is published., type: str, default: ""}
      port: {description: The port of the host. V(0) means that none is published., type: int, default: 0}
      port_variable: {description: "The variable of the port, if it is not the role's.", type: str, default: ""}
      own_volume: {description: A volume that must not be another owner's., type: str, default: ""}
  inventory_hostname:
    description: Name of the host in errors. The action plugin sets the option.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Inspect the host
  mlops.gpu_monitoring.host_info:
  register: host

- name: Show the GPUs and how containers can get them
  ansible.builtin.debug:
    msg: "{{ host.gpu.msg }} {{ 'CDI' if host.engine.cdi_gpus else host.engine.runtimes | join(', ') }}"

- name: Look for a file
  mlops.gpu_monitoring.host_info:
    files: [/etc/gpu_monitoring/grafana/admin_password]
    only_files: true
  register: host_files
"""

RETURN = r"""
gpu:
  description: The NVIDIA GPUs.
  returned: without O(only_files)
  type: dict
  contains:
    present: {description: Whether the driver shows a GPU., type: bool, sample: true}
    hardware:
      description: "Whether the host has a GPU of its own, with a driver that works or without."
      type: bool
      sample: true
    gpus:
      description: The GPUs.
      type: list
      elements: dict
      contains:
        index: {description: Index in C(nvidia-smi)., type: int, sample: 0}
        uuid: {description: UUID of the GPU., type: str, sample: GPU-0d1e2f3a-0000-0000-0000-000000000000}
        name: {description: Product name., type: str, sample: NVIDIA A100-SXM4-80GB}
        driver_version: {description: Version of the driver., type: str, sample: 580.95.05}
        memory_mib: {description: Memory in MiB; null if the driver does not say., type: int, sample: 81920}
        pci_address: {description: Its PCI address; empty if it is not on a PCI bus., type: str, sample: "0000:3b:00.0"}
        virtual: {description: Whether it is a vGPU., type: bool, sample: false}
        mig_mode: {description: "V(Enabled), V(Disabled) or V([N/A]).", type: str, sample: Enabled}
        mig_devices:
          description: The MIG instances of a GPU in MIG mode.
          type: list
          elements: dict
          contains:
            uuid: {description: UUID of the instance., type: str, sample: MIG-4f0c3a52-0000-0000-0000-000000000000}
            profile: {description: Its profile., type: str, sample: 3g.40gb}
    uuids:
      description: >-
        UUIDs of what work can run on, MIG instances if a GPU is in MIG mode and the other GPUs themselves.
      type: list
      elements: str
      sample: [MIG-4f0c3a52-0000-0000-0000-000000000000]
    devices:
      description: >-
        What a container with all GPUs is given: PCI addresses, those of lost GPUs too, and UUIDs of MIG instances. A
        GPU that is not on a PCI bus is listed by its UUID.
      type: list
      elements: str
      sample: ["0000:3b:00.0"]
    driver_version: {description: Version of the driver; null if no GPU is shown., type: str, sample: 580.95.05}
    pci_devices:
      description: PCI addresses of NVIDIA's display controllers that are not passed through.
      type: list
      elements: str
      sample: ["0000:3b:00.0"]
    passed_through:
      description: PCI addresses of those that the kernel holds for virtual machines.
      type: list
      elements: str
      sample: []
    lost_devices:
      description: PCI addresses of the GPUs that do not answer although others do.
      type: list
      elements: str
      sample: []
    msg:
      description: "A sentence about the GPUs and the driver, or what to do."
      type: str
      sample: "2 NVIDIA GPUs, driver 580.95.05."
    hostengine:
      description: Command line of an C(nv-hostengine) that runs on the host; empty if none does.
      type: str
      sample: ""
    error: {description: Why the driver does not list the MIG instances; empty if it does., type: str, sample: ""}
engine:
  description: The Docker engine.
  returned: without O(only_files)
  type: dict
  contains:
    reachable: {description: Whether the engine answers., type: bool, sample: true}
    installed: {description: Whether C(dockerd) is in the search path., type: bool, sample: true}
    error: {description: Why the engine does not answer; empty if it does., type: str, sample: ""}
    kind:
      description: "V(docker), V(snap), V(rootless) or V(podman); empty if no engine answers."
      type: str
      sample: docker
    problem:
      description: Why the roles cannot use the engine, with the fix; empty if they can.
      type: str
      sample: ""
    warnings:
      description: Settings of the engine that can make services unreachable.
      type: list
      elements: str
      sample: []
    apparmor: {description: Whether AppArmor confines containers., type: bool, sample: true}
    selinux: {description: Whether SELinux confines containers (C(selinux-enabled))., type: bool, sample: false}
    user_remapping:
      description: Whether the engine maps users of containers to others (C(userns-remap)).
      type: bool
      sample: false
    cgroup_version: {description: Version of the control groups., type: str, sample: "2"}
    cgroup_driver: {description: What makes the control groups of containers., type: str, sample: systemd}
    cgroup_parent:
      description: The control group above those of containers, if C(daemon.json) names one (C(cgroup-parent)).
      type: str
      sample: jobs.slice
    version: {description: Version of the engine., type: str, sample: 28.5.1}
    api_version: {description: Newest API version of the engine., type: str, sample: "1.51"}
    cdi_enabled: {description: Whether the engine reads CDI specifications., type: bool, sample: true}
    cdi_gpus: {description: Whether one of them is of kind C(nvidia.com/gpu)., type: bool, sample: true}
    cdi_specifications:
      description: >-
        Those from which containers get devices. If several have a device, it comes from the one in the last folder.
      type: list
      elements: dict
      contains:
        path: {description: The file., type: str, sample: /var/run/cdi/nvidia.yaml}
        uuids:
          description: UUIDs of the GPUs and MIG instances that come from it.
          type: list
          elements: str
          sample: [GPU-0d1e2f3a-0000-0000-0000-000000000000]
        drivers:
          description: Versions of the driver whose files it mounts.
          type: list
          elements: str
          sample: [580.95.05]
    runtimes:
      description: The program of each runtime by its name; empty if it has none, as those of containerd's shims.
      type: dict
      sample: {nvidia: nvidia-container-runtime, runc: runc}
    nvidia_runtimes:
      description: "Names of those that run NVIDIA's C(nvidia-container-runtime)."
      type: list
      elements: str
      sample: [nvidia]
    default_runtime: {description: Name of the default runtime., type: str, sample: runc}
    live_restore: {description: Whether containers outlive a restart of the engine., type: bool, sample: false}
    containers:
      description: The running containers, by name.
      type: list
      elements: dict
      contains:
        service:
          description: The service of this collection that it runs; empty if it is another's.
          type: str
          sample: dcgm-exporter
        name: {description: Name., type: str, sample: training}
        id: {description: Id., type: str, sample: 4f66ad9a0b2e}
        image: {description: "Image, as it was asked for.", type: str, sample: "pytorch/pytorch:2.9.0"}
        age: {description: Seconds since it was started., type: int, sample: 3600}
        runtime: {description: Name of its runtime., type: str, sample: nvidia}
        asked_gpus:
          description: >-
            Which GPUs it asked for. C(via) is the way: V(cdi), V(request) by C(--gpus), V(runtime) by
            C(NVIDIA_VISIBLE_DEVICES), which only a runtime of NVIDIA reads, or V(device) by device nodes.
          type: list
          elements: dict
          sample: [{via: cdi, names: [all]}]
        gpu_access:
          description:
            - >-
              How it got GPUs. V(hook) by NVIDIA's hook. C(systemctl daemon-reload) can remove the GPUs if systemd
              manages the cgroups. V(devices) by device nodes that the runtime knows of, as CDI does it; V(none) if it
              has none.
          type: str
          sample: devices
    stopped_services:
      description: The services of this collection whose container does not run, by name.
      type: list
      elements: dict
      contains:
        service: {description: Name of the service., type: str, sample: prometheus}
        container: {description: Name of the container., type: str, sample: prometheus}
        status: {description: "V(created), V(exited), V(dead) or V(paused).", type: str, sample: exited}
        error:
          description: Why the start failed; empty if the container was stopped.
          type: str
          sample: "cannot assign requested address"
    proxies:
      description: >-
        Proxies of the engine for pulls, by their keys in C(daemon.json). The engine replaces credentials by C(xxxxx).
      type: dict
      sample: {http-proxy: "", https-proxy: "http://proxy.example.com:3128", no-proxy: ""}
    root_dir: {description: Directory in which the engine keeps its data., type: str, sample: /var/lib/docker}
    containerd_socket:
      description: Socket of the containerd that the engine runs on; empty if it does not say, as before 27.0.
      type: str
      sample: /run/containerd/containerd.sock
packages:
  description: The packages that matter to the toolkit.
  returned: without O(only_files)
  type: dict
  contains:
    manager: {description: "V(apt), V(dnf) or V(dnf5); empty if the host has another one.", type: str, sample: apt}
    error: {description: Why the installed packages are not known; empty if they are., type: str, sample: ""}
    toolkit:
      description: Those of the toolkit's four packages that are on the host, by name.
      type: list
      elements: dict
      contains:
        name: {description: Name., type: str, sample: nvidia-container-toolkit}
        version: {description: Version without the revision., type: str, sample: 1.20.1}
        held: {description: Whether dpkg holds it., type: bool, sample: true}
        state:
          description: >-
            V(installed), or V(half-installed), V(unpacked) or V(half-configured) if dpkg was interrupted or failed.
          type: str
          sample: installed
repositories:
  description: The package repositories that matter to the toolkit.
  returned: without O(only_files)
  type: dict
  contains:
    apt_entries:
      description: What apt reads, an entry for each URI, without those that are commented out or not enabled.
      type: list
      elements: dict
      contains:
        path: {description: The file., type: str, sample: /etc/apt/sources.list.d/debian.sources}
        line: {description: The line of the URI., type: int, sample: 2}
        uri:
          description: "The URI as it is written, without credentials."
          type: str
          sample: "http://deb.debian.org/debian"
    file:
      description: The repository file of the role nvidia_container_toolkit; null if the package manager is unknown.
      type: dict
      contains:
        path: {description: The file., type: str, sample: /etc/apt/sources.list.d/nvidia-container-toolkit.sources}
        exists: {description: Whether the file exists., type: bool, sample: true}
        sha256: {description: Hash of its content; empty if missing., type: str, sample: ""}
        mode: {description: Its mode in octal digits; empty if missing., type: str, sample: "0644"}
        written_by_role: {description: Whether the role wrote it., type: bool, sample: true}
        installed_before:
          description: "Packages that were there before the role, as name=version."
          type: list
          elements: str
          sample: []
        set_aside: {description: Files that the role set aside., type: list, elements: str, sample: []}
    key:
      description: The key of that repository; null if the package manager is unknown.
      type: dict
      contains:
        path: {description: The file., type: str, sample: /usr/share/keyrings/nvidia-container-toolkit-keyring.asc}
        exists: {description: Whether the file exists., type: bool, sample: true}
        sha256: {description: Hash of its content; empty if missing., type: str, sample: ""}
        mode: {description: Its mode in octal digits; empty if missing., type: str, sample: "0644"}
        fingerprint:
          description: Fingerprint of the key; empty if the file does not hold exactly one key.
          type: str
          sample: C95B321B61E88C1809C4F759DDCAE044F796ECB0
toolkit:
  description: The NVIDIA container toolkit, from packages or not.
  returned: without O(only_files)
  type: dict
  contains:
    version: {description: Its version; empty if missing., type: str, sample: 1.20.1}
    programs:
      description: Path of each of its programs that is in the search path.
      type: dict
      sample: {nvidia-ctk: /usr/bin/nvidia-ctk}
    cdi_refresh_service:
      description: Whether the host has the service C(nvidia-cdi-refresh).
      type: bool
      sample: true
    cdi_folders:
      description: Folders with CDI specifications of GPUs, those that the engine does not read among them.
      type: list
      elements: str
      sample: [/var/run/cdi]
    own_cdi_file:
      description: Whether the CDI specification of the role nvidia_container_toolkit exists.
      type: bool
      sample: false
    runtime_program:
      description: >-
        Path of the program that the engine runs for the runtime C(nvidia); empty if the program does not exist.
      type: str
      sample: /usr/bin/nvidia-container-runtime
    daemon_runtime:
      description: Program of the runtime C(nvidia) in C(daemon.json); empty if it has none.
      type: str
      sample: nvidia-container-runtime
    daemon_error: {description: Why C(daemon.json) cannot be read; empty if it can., type: str, sample: ""}
kernel:
  description: What the kernel measures.
  returned: without O(only_files)
  type: dict
  contains:
    pressure: {description: Whether it measures pressure (C(/proc/pressure))., type: bool, sample: true}
capacity:
  description: What the host has, in bytes. V(0) means that it is not known.
  returned: without O(only_files)
  type: dict
  contains:
    memory: {description: Its memory., type: int, sample: 270463938560}
    engine_disk:
      description: Size of the file system with the volumes of the Docker engine.
      type: int
      sample: 982900588544
addresses:
  description: The addresses of the host.
  returned: without O(only_files)
  type: dict
  contains:
    own:
      description: Those that are not of the loopback and not link-local.
      type: list
      elements: dict
      contains:
        address: {description: The address., type: str, sample: 192.0.2.11}
        network: {description: The address with the length of its prefix., type: str, sample: 192.0.2.11/24}
        interface: {description: Name of the interface., type: str, sample: eth0}
        bridge:
          description: "Whether that is a bridge without a network card, as those of containers are."
          type: bool
          sample: false
    nonlocal_bind:
      description: Whether programs may bind to an address that the host does not have (C(ip_nonlocal_bind)).
      type: bool
      sample: false
files:
  description: The state of each file of O(files) by its path.
  returned: success
  type: dict
  contains:
    exists: {description: Whether the file exists., type: bool, sample: true}
    sha256: {description: Hash of its content; empty if it is not a regular file., type: str, sample: ""}
conflicts:
  description: Names of containers and ports that O(roles) need and something else has, each with the fix.
  returned: without O(only_files)
  type: list
  elements: str
  sample: []
json_files:
  description: The content of each file of O(json_files) by its path; null for a file that is missing or has no JSON.
  returned: success
  type: dict
  sample:
    /etc/gpu_monitoring/prometheus/targets/node.json: [{"labels": {"host": gpu1}, "targets": ["10.0.0.1:9100"]}]
"""

import platform
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host import conflicts, files
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.commands import ModuleCommands
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.look import DOCKER_HOST, look

ROLES = [
    "alertmanager",
    "cadvisor",
    "container_gpu_collector",
    "dcgm_exporter",
    "grafana",
    "node_exporter",
    "prometheus",
    "victoria_metrics",
]
PLANNED_SERVICE = {
    "role": {"type": "str", "required": True},
    "container": {"type": "str", "required": True},
    "service": {"type": "str", "default": ""},
    "network": {"type": "str", "default": ""},
    "address": {"type": "str", "default": ""},
    "port": {"type": "int", "default": 0},
    "port_variable": {"type": "str", "default": ""},
    "own_volume": {"type": "str", "default": ""},
}


def _conflicts(options: dict[str, Any], gpu_present: bool) -> list[str]:
    planned = [conflicts.PlannedService(**service) for service in options["planned_services"]]
    planned = [service for service in planned if service.role != "dcgm_exporter" or gpu_present]
    if not planned:
        return []
    existing = conflicts.existing_containers(options["docker_host"])
    foreign_volumes = conflicts.foreign_volumes(options["docker_host"], planned)
    return conflicts.find(options["inventory_hostname"], planned, existing, foreign_volumes=foreign_volumes)


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(
        {
            "docker_host": {"type": "str", "default": DOCKER_HOST},
            "files": {"type": "list", "elements": "path", "default": []},
            "json_files": {"type": "list", "elements": "path", "default": []},
            "only_files": {"type": "bool", "default": False},
            "roles": {"type": "list", "elements": "str", "choices": ROLES, "default": []},
            "planned_services": {"type": "list", "elements": "dict", "default": [], "options": PLANNED_SERVICE},
            "inventory_hostname": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    docker_host = module.params["docker_host"]
    if not docker_host.startswith("unix://"):
        module.fail_json(
            msg=f"docker_host: '{docker_host}' is not a Unix socket. Write it like unix:///var/run/docker.sock."
        )
    paths, json_paths = module.params["files"], module.params["json_files"]
    try:
        if module.params["only_files"]:
            module.exit_json(changed=False, files=files.ask(paths), json_files=files.read_json(json_paths))
        host = look(ModuleCommands(module), docker_host, paths, json_paths)
    except OSError as error:
        module.fail_json(msg=str(error))
    if host["gpu"]["lost_devices"] or (host["gpu"]["hardware"] and not host["gpu"]["present"]):
        module.warn(f"{platform.node()}: {host['gpu']['msg']}")
    for warning in host["engine"]["warnings"]:
        module.warn(f"{platform.node()}: {warning}")
    module.exit_json(changed=False, **host, conflicts=_conflicts(module.params, host["gpu"]["present"]))


if __name__ == "__main__":
    main()
