#!/usr/bin/python
# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_sums
short_description: Write or check SHA256SUMS of a bundle
version_added: "0.1.0"
author:
  - mlops.gpu_monitoring contributors (@mlops)
description:
  - Writes C(SHA256SUMS) over all files of a bundle but itself, in the form of C(sha256sum), or checks the files.
  - It runs only on the controller. Run it once for all hosts, after all parts of the bundle are made.
attributes:
  check_mode:
    description: Writes nothing. V(checked) checks the same.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
options:
  path:
    description: Folder of the bundle on the controller.
    type: path
    required: true
  state:
    description:
      - V(written) writes C(SHA256SUMS). V(checked) fails if a file is missing or differs.
    type: str
    choices: [written, checked]
    default: written
  tar:
    description:
      - Path of a tar of the bundle, outside of the bundle. It is written after C(SHA256SUMS). No tar
        is written if it is empty.
    type: path
    default: ""
"""

EXAMPLES = r"""
- name: Write the checksums, and one file to carry
  mlops.gpu_monitoring.bundle_sums:
    path: /srv/gpu-monitoring-bundle
    tar: /srv/gpu-monitoring-bundle.tar
  run_once: true

- name: Check the bundle
  mlops.gpu_monitoring.bundle_sums:
    path: /srv/gpu-monitoring-bundle
    state: checked
  run_once: true
"""

RETURN = r""" # """
