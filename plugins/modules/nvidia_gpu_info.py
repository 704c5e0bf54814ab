#!/usr/bin/python
# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: nvidia_gpu_info
short_description: The NVIDIA GPUs of a host
version_added: "0.1.0"
author:
  - mlops.gpu_monitoring contributors (@mlops)
description:
  - Lists the GPUs that the NVIDIA driver shows, and the NVIDIA hardware on the PCI bus whether it has a driver or not.
  - A host without a GPU is an answer, not a failure. Hardware whose driver shows no GPU is a warning that says what to do.
attributes:
  check_mode:
    description: Runs in check mode and changes nothing.
    support: full
  diff_mode:
    description: Has no differences to show.
    support: none
options: {}
"""

EXAMPLES = r"""
- name: Look for NVIDIA GPUs
  mlops.gpu_monitoring.nvidia_gpu_info:
  register: gpu

- name: Show what is there
  ansible.builtin.debug:
    msg: "{{ gpu.msg }}"
"""

RETURN = r"""
present:
  description: Whether the driver shows a GPU.
  returned: always
  type: bool
  sample: true
gpus:
  description: The GPUs.
  returned: always
  type: list
  elements: dict
  contains:
    index: {description: Index in C(nvidia-smi)., type: int, sample: 0}
    uuid: {description: UUID of the GPU., type: str, sample: GPU-0d1e2f3a-0000-0000-0000-000000000000}
    name: {description: Product name., type: str, sample: NVIDIA A100-SXM4-80GB}
    driver_version: {description: Version of the driver., type: str, sample: 580.95.05}
    memory_mib: {description: Memory in MiB; null where the driver does not say., type: int, sample: 81920}
    mig_mode: {description: "V(Enabled), V(Disabled) or V([N/A]).", type: str, sample: Enabled}
    mig_devices:
      description: The MIG instances of a GPU in MIG mode.
      type: list
      elements: dict
      contains:
        uuid: {description: UUID of the instance., type: str, sample: MIG-4f0c3a52-0000-0000-0000-000000000000}
        profile: {description: Its profile., type: str, sample: 3g.40gb}
uuids:
  description: UUIDs of what work can run on, MIG instances where a GPU is in MIG mode and the other GPUs themselves.
  returned: always
  type: list
  elements: str
  sample: [MIG-4f0c3a52-0000-0000-0000-000000000000]
driver_version:
  description: Version of the driver; null where no GPU is shown.
  returned: always
  type: str
  sample: 580.95.05
pci_devices:
  description: PCI addresses of NVIDIA's display controllers.
  returned: always
  type: list
  elements: str
  sample: ["0000:3b:00.0"]
msg:
  description: In plain words what is there, or what to do.
  returned: always
  type: str
  sample: 2 NVIDIA GPUs, driver 580.95.05.
"""

import platform
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import nvidia

TIMEOUT_SECONDS = "60"


def _ask(module: AnsibleModule) -> tuple[list[dict[str, Any]], str]:
    """The GPUs that nvidia-smi shows, and why it shows none."""
    smi, timeout = module.get_bin_path("nvidia-smi"), module.get_bin_path("timeout")
    if not smi:
        return [], "nvidia-smi is not installed"
    limit = [timeout, TIMEOUT_SECONDS] if timeout else []
    for fields in (nvidia.FIELDS, nvidia.FIELDS_BEFORE_MIG):
        code, output, errors = module.run_command([*limit, smi, f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"])
        if code != nvidia.INVALID_ARGUMENT:
            break
    gpus = nvidia.parse_gpus(output) if code == 0 else []
    if any(gpu["mig_mode"] == "Enabled" for gpu in gpus):
        list_code, listed, list_errors = module.run_command([*limit, smi, "-L"])
        if list_code != 0:
            module.fail_json(msg=f"nvidia-smi -L, which lists the MIG instances, ended with {list_code}: {_folded(listed + list_errors)}. Run it on the host.")
        instances = nvidia.parse_list(listed)
        gpus = [{**gpu, "mig_devices": instances.get(gpu["uuid"], [])} for gpu in gpus]
    return gpus, _folded(output + errors) or f"nvidia-smi ended with {code}"


def _folded(text: str) -> str:
    return " ".join(text.split())


def main() -> None:
    """Runs the module."""
    module = AnsibleModule({}, supports_check_mode=True)
    gpus, error = _ask(module)
    pci = nvidia.pci_gpus()
    message = nvidia.message(gpus, pci, error)
    if pci and not gpus:
        module.warn(f"{platform.node()}: {message}")
    module.exit_json(
        changed=False,
        present=bool(gpus),
        gpus=gpus,
        uuids=nvidia.computing(gpus),
        driver_version=gpus[0]["driver_version"] if gpus else None,
        pci_devices=pci,
        msg=message,
    )


if __name__ == "__main__":
    main()
