#!/usr/bin/python
# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: deployment_report
short_description: Report what a run of the playbook site did not deploy
version_added: "0.1.0"
author:
  - mlops.gpu_monitoring contributors (@mlops)
description:
  - >-
    Warns of the hosts of the play that were unreachable, and of those on which a part of the deployment failed, with
    the reasons.
  - Warns of hosts whose exporters Prometheus does not know, as after a run that left out the monitoring host.
  - >-
    Warns of services of earlier deployments that still run on hosts of the play. Warns of hosts with targets in
    Prometheus that the inventory no longer has.
  - >-
    Names the address of Grafana, the user, and the file on the controller with a generated password. The password is
    not shown. A dry run and a run without the role C(grafana) name nothing.
  - Fails in a run that began after the tasks that register C(gpu_monitoring_fleet).
  - It runs only on the controller. Run it once for all hosts.
attributes:
  check_mode:
    description: Reports the same, without the address of Grafana.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
options:
  asked:
    description:
      - The results of a loop of M(mlops.gpu_monitoring.host_info) over the monitoring hosts outside of the play, with
        the files of the targets as RV(mlops.gpu_monitoring.host_info#module:json_files).
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Report what was not deployed
  mlops.gpu_monitoring.deployment_report:
  run_once: true

- name: Read the targets on the monitoring hosts that --limit leaves out
  mlops.gpu_monitoring.host_info:
    json_files: [/etc/gpu_monitoring/prometheus/targets/nvidia-gpu.json]
    only_files: true
  become: true
  delegate_to: "{{ item }}"
  ignore_unreachable: true
  loop: "{{ groups['monitoring'] | difference(ansible_play_hosts_all) }}"
  register: known_targets
  run_once: true

- name: Report also the hosts that these monitoring hosts do not know
  mlops.gpu_monitoring.deployment_report:
    asked: "{{ known_targets.results }}"
  register: report
  run_once: true

- name: Fail if something was not deployed
  ansible.builtin.assert:
    that: report.problems | length == 0
  run_once: true
"""

RETURN = r"""
problems:
  description: The reasons by host. Hosts on which everything was deployed are left out.
  returned: always
  type: dict
  sample: {gpu2: ["Nothing was deployed: Failed to connect to the host via ssh."]}
"""
