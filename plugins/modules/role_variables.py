#!/usr/bin/python
# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: role_variables
short_description: Check the variables of roles for all hosts at once
version_added: "0.1.0"
author:
  - mlops.gpu_monitoring contributors (@mlops)
description:
  - Checks the variables of roles of this collection for hosts of the play.
  - Each role has an argument specification, and rules in C(meta/variable_rules.yml).
  - >-
    It evaluates each variable in the context of its own host. The error names variable, host, value and fix of all
    wrong variables.
  - >-
    Warns of variables with the prefix of a role that no role has and whose names are close to a variable of the role.
    Warns of variables that only other collections have.
  - It runs only on the controller. Run it once for all hosts.
attributes:
  check_mode:
    description: Checks the same.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
options:
  roles:
    description:
      - >-
        The roles, by their names without that of the collection. Each has the list of the hosts whose variables are
        checked.
      - Hosts that are not in the play are left out. An empty list checks nothing.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Check the variables
  mlops.gpu_monitoring.role_variables:
    roles:
      prometheus: "{{ groups['monitoring'] }}"
      node_exporter: "{{ ansible_play_hosts_all }}"
  run_once: true

- name: Check the variables of the exporters before a change of the GPU hosts
  mlops.gpu_monitoring.role_variables:
    roles:
      cadvisor: "{{ groups['gpu_hosts'] }}"
      dcgm_exporter: "{{ groups['gpu_hosts'] }}"
  run_once: true
"""

RETURN = r""" # """
