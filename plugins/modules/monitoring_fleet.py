#!/usr/bin/python
# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: monitoring_fleet
short_description: Evaluate what the hosts of a fleet know of each other
version_added: "0.1.0"
author:
  - mlops.gpu_monitoring contributors (@mlops)
description:
  - Evaluates addresses, ports of exporters, model servers and the use of TLS of all hosts of the groups C(gpu_hosts) and C(monitoring) and of the play.
  - It evaluates each variable in the context of its own host, so variables may use C(hostvars) and the variables of the play.
  - It checks that hosts have different addresses that the monitoring hosts can reach, that they agree on TLS, and that shared variables are valid.
  - It runs on the controller alone. Run it once for all hosts.
notes:
  - Register the result as C(gpu_monitoring_fleet), where the roles read it.
attributes:
  check_mode:
    description: Evaluates the same.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
options:
  require_groups:
    description:
      - Whether an empty group C(gpu_hosts) or C(monitoring) is an error.
      - Hosts of the play that are in neither group are left out then.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Evaluate what hosts know of each other
  mlops.gpu_monitoring.monitoring_fleet:
  register: gpu_monitoring_fleet
  run_once: true
"""

RETURN = r"""
hosts:
  description: For each host its address and the ports of the exporters that Prometheus should expect there.
  returned: success
  type: dict
  sample: {"gpu1": {"address": "192.0.2.11", "exporters": {"cadvisor": 8088, "dcgm_exporter": 9400, "node_exporter": 9100}}}
model_servers:
  description: Target groups of the model servers of all hosts, in the form of Prometheus' C(file_sd_config).
  returned: success
  type: list
  elements: dict
tls:
  description: Whether exporters, Prometheus and Grafana speak TLS.
  returned: success
  type: bool
"""
