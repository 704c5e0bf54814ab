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
  - >-
    Evaluates addresses, labels, ports of exporters, model servers and the use of TLS of all hosts of the groups
    C(gpu_hosts) and C(monitoring) and of the play.
  - >-
    It evaluates each variable in the context of its own host, so variables may use C(hostvars) and the variables of the
    play.
  - >-
    It checks that hosts have different addresses that the other hosts can reach, and that shared variables are valid.
    It checks that all hosts agree on TLS, and the monitoring hosts on C(gpu_monitoring_topology).
  - >-
    If the result of M(mlops.gpu_monitoring.host_info) is registered as C(gpu_monitoring_host), the published addresses
    are checked too. They must belong to the host, and not to a container bridge.
  - >-
    The controller resolves names. Addresses of the loopback and of container bridges are ignored. Of several addresses,
    IPv4 is preferred, then the address that is nearest to that of the monitoring host. The address of the controller
    itself is the one from which it sends to the other hosts.
  - A run without the monitoring hosts resolves only the names of its own hosts.
  - It runs only on the controller. Run it once for all hosts.
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
      - Whether an empty group C(gpu_hosts) or C(monitoring) is an error. C(--limit) without a host of these groups, and
        C(--tags) and C(--skip-tags) that select none of O(require_tags), are errors then too.
      - Hosts of the play that are in neither group are left out then, and the line C(addresses) is printed.
    type: bool
    default: false
  require_tags:
    description: Tags of which a run with O(require_groups) must have one. The default is the names of the roles.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Evaluate the addresses and targets of the fleet
  mlops.gpu_monitoring.monitoring_fleet:
  register: gpu_monitoring_fleet
  run_once: true

- name: Stop a run whose --limit or --tags select nothing of the fleet
  mlops.gpu_monitoring.monitoring_fleet:
    require_groups: true
    require_tags: [prometheus, grafana]
  run_once: true
"""

RETURN = r"""
hosts:
  description: >-
    For each host its address, the labels of its targets and the ports of the exporters that Prometheus should expect
    there.
  returned: success
  type: dict
  sample:
    "gpu1":
      "address": "192.0.2.11"
      "labels": {"team": "vision"}
      "exporters": {"cadvisor": 8088, "dcgm_exporter": 9400, "node_exporter": 9100}
model_servers:
  description: Target groups of the model servers of all hosts, in the form of Prometheus' C(file_sd_config).
  returned: success
  type: list
  elements: dict
victoria_metrics:
  description: >-
    The monitoring hosts with a VictoriaMetrics, and the URL by which the other monitoring hosts reach each.
  returned: success
  type: list
  elements: dict
  sample:
    - "host": "monitor1"
      "url": "https://192.0.2.9:8428"
scraped_by:
  description: >-
    With C(gpu_monitoring_topology=shards) and several monitoring hosts, the monitoring host that scrapes each host.
    Empty if each monitoring host scrapes all hosts.
  returned: success
  type: dict
  sample: {"gpu1": "monitor1", "gpu2": "monitor2"}
addresses:
  description: The addresses of the monitoring hosts, and of other hosts whose name has several, in one line.
  returned: success
  type: str
  sample: "Addresses: monitor1 192.0.2.9; gpu1 192.0.2.11, its name has 192.0.2.11, 198.51.100.11."
alertmanagers:
  description: >-
    The Alertmanagers of several monitoring hosts that speak TLS, to which each Prometheus sends. Two or more form a
    cluster. Empty if a single host monitors.
  returned: success
  type: list
  elements: dict
  sample:
    - "host": monitor1
      "peer": "192.0.2.9:9094"
      "prometheus": {"static_configs": [{"targets": ["192.0.2.9:9093"]}]}
tls:
  description: Whether exporters, Prometheus and Grafana speak TLS.
  returned: success
  type: bool
"""
