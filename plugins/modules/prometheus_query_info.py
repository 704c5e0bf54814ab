#!/usr/bin/python
# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: prometheus_query_info
short_description: Ask Prometheus a query, or wait until it answers as it should
version_added: "0.1.0"
author:
  - mlops.gpu_monitoring contributors (@mlops)
description:
  - Runs an instant query and returns its series with labels, value and time.
  - >-
    With O(until), the module repeats the query until the answer meets the conditions. So a playbook can wait for a
    service, an empty queue or an idle node. On a timeout, the task fails and shows the last answer.
  - >-
    Needs only ansible-core. Works with every server that has Prometheus' HTTP API, such as Thanos, Mimir and
    VictoriaMetrics.
extends_documentation_fragment:
  - mlops.gpu_monitoring.prometheus
attributes:
  check_mode:
    description: Asks in check mode as well, and never changes anything.
    support: full
  diff_mode:
    description: Has no differences to show.
    support: none
options:
  query:
    description: A PromQL query that gives one value for each series, or a scalar.
    type: str
    required: true
  time:
    description: >-
      Moment to ask about, in RFC 3339 such as V(2026-03-01T12:00:00Z) or as seconds since 1970. Now if it is not given.
    type: str
  until:
    description:
      - What the answer must be before the task continues. All given conditions must hold at the same time.
      - >-
        While a Prometheus does not answer or still starts, the module continues to ask. A query that cannot be read, a
        refused login and a certificate that is not trusted fail at once.
    type: dict
    suboptions:
      min_series:
        description: The least number of series. V(1) if neither this nor O(until.max_series) is given.
        type: int
      max_series:
        description: The greatest number of series; V(0) waits for an empty answer.
        type: int
      min_value:
        description: The least value of every series. A value that is not a finite number does not do.
        type: float
      max_value:
        description: The greatest value of every series. A value that is not a finite number does not do.
        type: float
      timeout:
        description: Seconds after which the task fails with the last answer.
        type: float
        default: 60
      interval:
        description: Seconds between two tries.
        type: float
        default: 1
seealso:
  - name: Prometheus' HTTP API
    description: The answers that this module reads.
    link: https://prometheus.io/docs/prometheus/latest/querying/api/
"""

EXAMPLES = r"""
- name: Wait until Prometheus has scraped every exporter of the new host
  mlops.gpu_monitoring.prometheus_query_info:
    url: http://192.0.2.10:9090
    query: up{host="gpu3"}
    until:
      min_series: 2
      min_value: 1
      timeout: 120
  delegate_to: localhost

- name: Wait until no job uses the GPUs of the host
  mlops.gpu_monitoring.prometheus_query_info:
    url: http://192.0.2.10:9090
    query: max_over_time(DCGM_FI_DEV_GPU_UTIL{host="{{ inventory_hostname }}"}[10m])
    until:
      max_value: 0
      timeout: 3600
      interval: 30
  delegate_to: localhost

- name: Continue only while no alert fires
  mlops.gpu_monitoring.prometheus_query_info:
    url: https://prometheus.example.com
    token: "{{ prometheus_token }}"
    ca_path: /etc/ssl/certs/example.pem
    query: ALERTS{alertstate="firing", severity="critical"}
    until:
      max_series: 0
      timeout: 0

- name: Read how full the GPUs' memory is
  mlops.gpu_monitoring.prometheus_query_info:
    url: http://192.0.2.10:9090
    query: DCGM_FI_DEV_FB_USED / (DCGM_FI_DEV_FB_USED + DCGM_FI_DEV_FB_FREE)
  register: memory

- name: Show the fullest
  ansible.builtin.debug:
    msg: "{{ memory.series | sort(attribute='value') | last }}"
"""

RETURN = r"""
series:
  description: The series in Prometheus' order; a scalar is one without labels.
  returned: success
  type: list
  elements: dict
  contains:
    labels:
      description: "The labels, C(__name__) among them if the query keeps it."
      type: dict
      sample: {__name__: up, host: gpu1, job: cadvisor}
    value:
      description: "The value; null if it is not a finite number, which JSON does not have."
      type: float
      sample: 1.0
    timestamp:
      description: "The moment that the query was evaluated for, in seconds since 1970."
      type: float
      sample: 1772366400.0
infos:
  description: >-
    What Prometheus remarks on the query, such as a rate of something that is not a counter. Its warnings are shown as
    warnings.
  returned: success
  type: list
  elements: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.prometheus import client, options
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.prometheus.errors import PrometheusError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.prometheus.until import unmet

UNTIL = {
    "min_series": {"type": "int"},
    "max_series": {"type": "int"},
    "min_value": {"type": "float"},
    "max_value": {"type": "float"},
    "timeout": {"type": "float", "default": 60},
    "interval": {"type": "float", "default": 1},
}
ARGUMENTS = {
    **options.CONNECTION,
    "query": {"type": "str", "required": True},
    "time": {"type": "str"},
    "until": {"type": "dict", "options": UNTIL},
}


def ask(parameters):
    """The answer to the query, waited for if `until` says so."""
    prometheus = client.Client(parameters)
    until = parameters["until"]
    if until is None:
        return prometheus.query(parameters["query"], parameters["time"])
    if until["interval"] <= 0:
        raise PrometheusError(
            f"until.interval: {until['interval']:g} is not a valid interval. Give more than 0 seconds."
        )
    return client.wait_for(
        prometheus,
        parameters["query"],
        parameters["time"],
        lambda series: unmet(until, series),
        until["timeout"],
        until["interval"],
    )


def main():
    """Runs the module."""
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True, **options.CONNECTION_RULES)
    try:
        answer = ask(module.params)
    except PrometheusError as error:
        module.fail_json(msg=str(error))
    for warning in answer.warnings:
        module.warn(f"Prometheus: {warning}")
    module.exit_json(changed=False, series=answer.series, infos=answer.infos)


if __name__ == "__main__":
    main()
