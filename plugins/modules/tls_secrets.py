#!/usr/bin/python
# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: tls_secrets
short_description: Make and read the certificates and passwords of a fleet
version_added: "0.1.0"
author:
  - mlops.gpu_monitoring contributors (@mlops)
description:
  - >-
    Creates and reads the certificates and passwords of all hosts of the play. The variables of the role C(tls) are
    evaluated in the context of each host.
  - It runs only on the controller. Run it once for all hosts, after M(mlops.gpu_monitoring.monitoring_fleet).
notes:
  - >-
    The result holds private keys and passwords. It is never shown or logged, as with C(no_log). Give tasks that use the
    registered variable C(no_log).
attributes:
  check_mode:
    description: Makes missing secrets in memory and writes none.
    support: full
  diff_mode:
    description: Prints names, end and serial number of new certificates.
    support: full
options:
  make_missing:
    description: >-
      Whether to make a certificate authority or a password that is not on this controller. Without it, the result names
      the missing files and has no secrets, unless C(tls_new_secrets) is set.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Read the certificates and passwords of this controller
  mlops.gpu_monitoring.tls_secrets:
  register: tls_secrets
  run_once: true

- name: Show the files that another controller may have
  ansible.builtin.debug:
    msg: "{{ tls_secrets.missing }}"
  when: tls_secrets.missing | length > 0
  run_once: true

- name: Make certificates and passwords
  mlops.gpu_monitoring.tls_secrets:
    make_missing: true
  register: tls_secrets
  run_once: true
"""

RETURN = r"""
hosts:
  description: >-
    For each host of the play its certificate, key and authority as PEM, and its passwords with their hashes. Empty if a
    host does not speak TLS.
  returned: when no file is missing
  type: dict
missing:
  description: Files of secrets that are not on this controller.
  returned: success
  type: list
  elements: str
inputs:
  description: >-
    For each host a digest of the values that its secrets are made of. A later play with the same values returns the
    same secrets.
  returned: when no file is missing
  type: dict
config_dirs:
  description: The C(gpu_monitoring_config_dir) of each host on which an earlier deployment may be.
  returned: when a file is missing
  type: dict
"""
