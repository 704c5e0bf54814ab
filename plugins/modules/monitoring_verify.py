#!/usr/bin/python
# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: monitoring_verify
short_description: Check that Prometheus and Grafana see the whole fleet
version_added: "0.1.0"
author:
  - mlops.gpu_monitoring contributors (@mlops)
description:
  - >-
    Compares the hosts with the data in Prometheus and Grafana. Checks targets, the age of values, GPUs and MIG
    instances, containers and their GPUs, clocks and the scrape interval. Checks the age of the database, every panel of
    the dashboards, the rules of alerts, and the delivery of alerts to Alertmanager.
  - >-
    Returns one sentence for each fault, without the consequences of the fault. Faults do not fail the task, so a
    playbook can show and store the result first.
  - Changes nothing. With O(test_alert), the module sends one alert.
attributes:
  check_mode:
    description: Asks in check mode as well, and never changes anything. Sends no test alert in check mode.
    support: full
  diff_mode:
    description: Has no differences to show.
    support: none
options:
  prometheus_url:
    description: Address of Prometheus.
    type: str
    required: true
  prometheus_username:
    description: Name for basic authentication, if Prometheus asks for it. Goes with O(prometheus_password).
    type: str
  prometheus_password:
    description: Its password.
    type: str
  prometheus_agent:
    description:
      - >-
        Whether Prometheus runs in agent mode, in which it answers no queries. Only the targets, the scrape interval and
        what Grafana reports about its dashboards are checked then.
    type: bool
    default: false
  grafana_url:
    description: Address of Grafana.
    type: str
    required: true
  grafana_username:
    description: Name of an account of Grafana that may read dashboards and datasources.
    type: str
    required: true
  grafana_password:
    description: The account's password.
    type: str
    required: true
  grafana_login_help:
    description: Advice at the end of the error if Grafana refuses the account, such as how to reset its password.
    type: str
  alertmanager_url:
    description: >-
      Address of the Alertmanager to which Prometheus sends. Without it the way of alerts to people is not checked.
    type: str
  alertmanager_username:
    description: Name for basic authentication, if Alertmanager asks for it. Goes with O(alertmanager_password).
    type: str
  alertmanager_password:
    description: Its password.
    type: str
  alertmanager_members:
    description: >-
      The Alertmanagers of other hosts with which this one should form a cluster. For each host the address with the
      port of the cluster, such as V(192.0.2.10:9094). The module connects to it.
    type: dict
    default: {}
  alerts:
    description: Names of the alerts for which Prometheus should have rules.
    type: list
    elements: str
    default: []
  test_alert:
    description:
      - >-
        Sends Alertmanager an alert with the severity O(test_alert_severity), and checks that each receiver to which the
        route leads takes it. Afterwards the alert is resolved.
      - >-
        The alert arrived if Alertmanager's requests to the services of these receivers succeeded. Needs
        O(alertmanager_url).
      - >-
        Alertmanager counts requests for other alerts of the same receivers too. If it runs without
        C(--enable-feature=receiver-name-in-metrics), it also counts those of other receivers.
    type: bool
    default: false
  test_alert_name:
    description: The origin that the test alert names, such as the name of the monitoring host.
    type: str
    default: verify
  test_alert_severity:
    description: Severity of the test alert, by which routes choose a receiver.
    type: str
    default: page
  test_alert_wait:
    description: >-
      Seconds within which the test alert must arrive. More than the C(group_wait) of its route.
      O(alertmanager_members) add 10 seconds, within which all members of the cluster have had their turn.
    type: float
    default: 60
  validate_certs:
    description: Whether the servers' certificates must be trusted.
    type: bool
    default: true
  ca_path:
    description: File with the certificates of the authorities to trust.
    type: path
  timeout:
    description: Seconds that one request may take.
    type: int
    default: 10
  wait:
    description: Seconds within which a fault may pass, as after a deployment. Not spent if all is well.
    type: int
    default: 0
  monitoring_host:
    description: >-
      Name of the host on which Prometheus, Alertmanager and Grafana run. If one of them does not answer,
      its O(host_info) says why. By default, that of all O(hosts) is read.
    type: str
    default: ""
  hosts:
    description: >-
      Names of all hosts that Prometheus should scrape, in the order of the table. Hosts of O(targets) that are not
      among them come last.
    type: list
    elements: str
    required: true
  hosts_elsewhere:
    description: Names of the hosts that the Prometheus of another monitoring host should scrape instead.
    type: list
    elements: str
    default: []
  targets:
    description: >-
      What Prometheus should scrape: for each job its target groups, as in Prometheus' C(file_sd_config), with the label
      C(host), and for model servers C(server). The jobs C(cadvisor), C(nvidia-gpu), C(node) and C(model-server) are
      known, of others only the targets are checked.
    type: dict
    required: true
  host_info:
    description: For each host the result of M(mlops.gpu_monitoring.host_info), or that the host could not be reached.
    type: dict
    default: {}
  scrape_interval:
    description: Seconds between two scrapes that the running configuration should have.
    type: float
    required: true
  frozen_after:
    description: Seconds without a change after which an exporter counts as frozen, and three scrapes at least.
    type: float
    default: 60
  clock_skew:
    description: Seconds by which a host's clock may differ from Prometheus'. Known if there is a job C(node).
    type: float
    default: 5
  dashboards:
    description:
      - >-
        The dashboards that should be in Grafana, in the form of the option
        O(mlops.gpu_monitoring.grafana_resources#module:dashboards).
      - >-
        Each panel is queried for now, or for the end of the dashboard's time range. Variables have the values that
        Grafana gives them when somebody opens the dashboard. Panels that need other datasources than Prometheus are not
        checked, and a note names them.
      - >-
        A variable with the label C(host) has a host with all exporters as value, unless a saved value exists. Of a
        repeated panel, one copy is checked.
    type: list
    elements: dict
    default: []
  optional_panels:
    description:
      - >-
        Regular expressions for panels that may be empty. One is looked for in C(uid of the dashboard/title of the
        panel) and in the queries.
      - A panel with several queries must show the data of one of them in any case.
    type: list
    elements: str
    default: []
  certificate_days:
    description: >-
      How many days before its end a certificate is a fault. The certificates of Grafana, Prometheus, exporters of
      targets that are up and O(ca_path) are checked. Exporters that only Prometheus reaches, by the name of a
      container, are left out.
    type: float
    default: 30
  groups:
    description:
      - The hosts of the groups C(gpu_hosts) and C(monitoring), by group. On a host of one of these, services that the
        playbook C(mlops.gpu_monitoring.site) deploys on hosts of the other are a problem. Not checked by default.
    type: dict
    default: {}
  query_datasource:
    description: >-
      The uid of Grafana's datasource that has the data of several Prometheus, such as V(victoria-metrics). It should
      have data of O(query_hosts). Not checked if empty.
    type: str
    default: ""
  query_hosts:
    description: The hosts of which O(query_datasource) should have data.
    type: list
    elements: str
    default: []
  data_since_file:
    description:
      - >-
        File of the host that runs the module, outside of Prometheus' volume. Data should be there of the time since it
        was last changed, except for data that the retention drops. Not checked if the file does not exist.
      - >-
        With a retention by size, missing data is a fault only while less than a tenth of the size is in use. After
        that, the limit may have dropped the data.
    type: path
seealso:
  - module: mlops.gpu_monitoring.prometheus_query_info
"""

EXAMPLES = r"""
- name: Collect the state of the hosts
  hosts: gpu_hosts
  ignore_unreachable: true
  become: true
  tasks:
    - name: Inspect the host
      mlops.gpu_monitoring.host_info:
      register: host_info

- name: Compare the hosts with Prometheus and Grafana
  hosts: monitor1
  tasks:
    - name: Ask Prometheus and Grafana
      mlops.gpu_monitoring.monitoring_verify:
        prometheus_url: http://127.0.0.1:9090
        grafana_url: http://127.0.0.1:3000
        grafana_username: admin
        grafana_password: "{{ grafana_admin_password }}"
        hosts: "{{ groups['gpu_hosts'] }}"
        targets:
          cadvisor:
            - {targets: ["192.0.2.11:8088"], labels: {host: gpu1}}
          nvidia-gpu:
            - {targets: ["192.0.2.11:9400"], labels: {host: gpu1}}
        host_info: "{{ dict(groups['gpu_hosts'] | zip(groups['gpu_hosts'] | map('extract', hostvars, 'host_info'))) }}"
        scrape_interval: 5
        dashboards:
          - uid: ml-system-monitoring
      register: verified
      failed_when: verified.problems | length > 0

- name: Send a test alert
  hosts: monitor1
  tasks:
    - name: Ask Prometheus, Grafana and Alertmanager
      mlops.gpu_monitoring.monitoring_verify:
        prometheus_url: http://127.0.0.1:9090
        grafana_url: http://127.0.0.1:3000
        grafana_username: admin
        grafana_password: "{{ grafana_admin_password }}"
        alertmanager_url: http://127.0.0.1:9093
        alerts: [GpuHot, HostDown]
        test_alert: true
        hosts: []
        targets: {}
        scrape_interval: 5
"""

RETURN = r"""
problems:
  description: The faults.
  returned: success
  type: list
  elements: dict
  contains:
    check:
      description: >-
        What was checked: V(prometheus), V(grafana), V(reachable), V(targets), V(age), V(gpus), V(containers),
        V(container_gpus), which is what GPUs containers have, V(clock), V(alerts), V(certificates), V(interval),
        V(data), V(dashboards), V(query) or V(left), which is a service that was left behind.
      type: str
      sample: gpus
    host: {description: The host; empty for a fault of no host., type: str, sample: gpu2}
    message:
      description: One sentence.
      type: str
      sample: "The containers of gpu2 have no name: cAdvisor cannot reach the socket of Docker or containerd."
notes:
  description: What could not be checked, and why.
  returned: success
  type: list
  elements: str
  sample: ["The clocks of gpu1 and gpu2 were not checked, since Prometheus has no data of the job node for them."]
hosts:
  description: For each host what exists and what Prometheus sees. Null means not known or not applicable.
  returned: success
  type: list
  elements: dict
  contains:
    host: {description: The host., type: str, sample: gpu1}
    jobs:
      description: "State of each job that should be there: V(up), V(down), V(unknown) or V(missing)."
      type: dict
      sample: {cadvisor: up, nvidia-gpu: up}
    sample_age: {description: Seconds since the value that stood still longest changed., type: float, sample: 3.2}
    gpus_seen: {description: Number of GPUs that Prometheus sees., type: int, sample: 8}
    gpus_there: {description: Number of GPUs that the host has., type: int, sample: 8}
    mig_seen: {description: Number of MIG instances that Prometheus sees., type: int, sample: 0}
    mig_there: {description: Number of MIG instances that the host has., type: int, sample: 0}
    containers_seen:
      description: Number of the host's running containers that Prometheus sees with name and image.
      type: int
      sample: 12
    containers_there: {description: Number of running containers., type: int, sample: 12}
    clock_skew:
      description: "Seconds by which the host's clock is ahead, negative if it is behind."
      type: float
      sample: 0.1
table:
  description: The same as lines for people.
  returned: success
  type: list
  elements: str
dashboards:
  description: For each uid the number of panels that were looked at; null if the dashboard is missing.
  returned: success
  type: dict
  sample: {ml-system-monitoring: 4}
checked_at:
  description: When that was, in UTC.
  returned: success
  type: str
  sample: "2026-03-01T12:00:00Z"
"""

import functools
import json
import os
import re
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.alertmanager import client as alertmanager
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import client as grafana
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import given
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.prometheus import client as prometheus
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.prometheus.errors import PrometheusError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify import (
    alerts,
    certificates,
    cluster,
    collect,
    collect_alerts,
    query_datasource,
    table,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.dashboards import Dashboards
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.decide import (
    Wanted,
    decide,
    drawable,
    is_unreachable,
    not_running,
)

ARGUMENTS = {
    "prometheus_url": {"type": "str", "required": True},
    "prometheus_username": {"type": "str"},
    "prometheus_password": {"type": "str", "no_log": True},
    "prometheus_agent": {"type": "bool", "default": False},
    "grafana_url": {"type": "str", "required": True},
    "grafana_username": {"type": "str", "required": True},
    "grafana_password": {"type": "str", "required": True, "no_log": True},
    "grafana_login_help": {"type": "str"},
    "alertmanager_url": {"type": "str"},
    "alertmanager_username": {"type": "str"},
    "alertmanager_password": {"type": "str", "no_log": True},
    "alertmanager_members": {"type": "dict", "default": {}},
    "alerts": {"type": "list", "elements": "str", "default": []},
    "test_alert": {"type": "bool", "default": False},
    "test_alert_name": {"type": "str", "default": "verify"},
    "test_alert_severity": {"type": "str", "default": "page"},
    "test_alert_wait": {"type": "float", "default": 60},
    "validate_certs": {"type": "bool", "default": True},
    "ca_path": {"type": "path"},
    "timeout": {"type": "int", "default": 10},
    "wait": {"type": "int", "default": 0},
    "monitoring_host": {"type": "str", "default": ""},
    "hosts": {"type": "list", "elements": "str", "required": True},
    "hosts_elsewhere": {"type": "list", "elements": "str", "default": []},
    "targets": {"type": "dict", "required": True},
    "host_info": {"type": "dict", "default": {}},
    "scrape_interval": {"type": "float", "required": True},
    "frozen_after": {"type": "float", "default": 60},
    "clock_skew": {"type": "float", "default": 5},
    "dashboards": {"type": "list", "elements": "dict", "default": []},
    "optional_panels": {"type": "list", "elements": "str", "default": []},
    "groups": {"type": "dict", "default": {}},
    "query_datasource": {"type": "str", "default": ""},
    "query_hosts": {"type": "list", "elements": "str", "default": []},
    "data_since_file": {"type": "path"},
    "certificate_days": {"type": "float", "default": 30},
}
RULES = {
    "required_together": [
        ("prometheus_username", "prometheus_password"),
        ("alertmanager_username", "alertmanager_password"),
    ],
    "required_if": [("test_alert", True, ("alertmanager_url",))],
}
PAUSE_SECONDS = 2
# Enough samples beyond the time that may pass without a change.
SCRAPES = 3


def clients(params):
    """Prometheus, Alertmanager, which may be None, and Grafana."""
    common = {key: params[key] for key in ("validate_certs", "ca_path", "timeout")}
    common.update(client_cert=None, client_key=None, token=None, use_proxy=False)

    def server(name):
        login = {f"url_{part}": params[f"{name}_{part}"] for part in ("username", "password")}
        return {**common, **login, "url": params[f"{name}_url"]}

    return (
        prometheus.Client(server("prometheus")),
        alertmanager.Client(server("alertmanager")) if params["alertmanager_url"] else None,
        grafana.Client(
            {
                **common,
                "url": params["grafana_url"],
                "username": params["grafana_username"],
                "password": params["grafana_password"],
                "org_id": None,
                "login_help": params["grafana_login_help"],
            }
        ),
    )


def changed_at(path):
    """When the file was last changed, None if missing."""
    try:
        return os.stat(path).st_mtime
    except FileNotFoundError:
        return None


def jobs_of(targets):
    """For each job the host and the server of each target group; ValueError names a group that has no host."""
    jobs = {}
    for job, groups in targets.items():
        jobs[job] = []
        for group in groups:
            labels = group.get("labels") or {}
            if not labels.get("host"):
                example = f"{{targets: {json.dumps(group.get('targets', []))}, labels: {{host: gpu1}}}}"
                raise ValueError(
                    f"targets: the group {json.dumps(group)} of the job {job} has no label host."
                    f" Write it like {example}."
                )
            jobs[job].append((labels["host"], labels.get("server", "")))
    return jobs


def gpus_of(info):
    """What is known of the GPUs of a host, or that it could not be asked."""
    gpu = info.get("gpu", info)
    return {"failed": True, "msg": gpu["error"]} if gpu.get("error") else gpu


def wanted_of(params):
    """What there should be, as `decide` takes it."""
    jobs = jobs_of(params["targets"])
    return Wanted(
        hosts=list(dict.fromkeys([*params["hosts"], *(host for places in jobs.values() for host, _server in places)])),
        jobs=jobs,
        gpus={name: gpus_of(info) for name, info in params["host_info"].items()},
        engines=params["host_info"],
        scrape_interval=params["scrape_interval"],
        frozen_after=max(params["frozen_after"], SCRAPES * params["scrape_interval"]),
        clock_skew=params["clock_skew"],
        data_since=changed_at(params["data_since_file"] or ""),
        data_since_file=params["data_since_file"],
        groups=params["groups"],
        hosts_elsewhere=params["hosts_elsewhere"],
        monitoring_host=params["monitoring_host"],
    )


def members_of(params, wanted):
    """The other members that the cluster of Alertmanager should have, with what is known of them; ValueError names one
    without a port.
    """
    for host, address in params["alertmanager_members"].items():
        port = cluster.split(str(address))[1]
        if not port.isdecimal() or not 0 < int(port) < 65536:
            raise ValueError(
                f"alertmanager_members: the address {address} of {host} has no port. Write it like 192.0.2.10:9094."
            )
    return [
        cluster.Member(host, address, is_unreachable(wanted, host), not_running(wanted, "alertmanager", host))
        for host, address in params["alertmanager_members"].items()
    ]


def uids_of(dashboards):
    """The uids, which a JSON model may hold alone."""
    wanted = [dashboard for dashboard in dashboards if dashboard.get("state") != "absent"]
    return [dashboard.get("uid") or given.parse(dashboard.get("model") or {}).get("uid", "") for dashboard in wanted]


def look(params, wanted, sends_test_alert):
    """Ask until there is no fault or `wait` is over; what Grafana said and the verdict."""
    metrics, notifier, graphs = clients(params)
    wanted_alerts = alerts.Wanted(params["alerts"], notifier is not None, not_running(wanted, "alertmanager"))
    members, closed = members_of(params, wanted), functools.partial(collect_alerts.closed, timeout=params["timeout"])
    dashboards = Dashboards(graphs, params["optional_panels"])
    uids = uids_of(params["dashboards"])
    deadline = time.monotonic() + params["wait"]
    while True:
        told, unseen = [], []
        try:
            if params["prometheus_agent"]:
                measured = collect.from_agent(metrics)
            else:
                measured = collect.from_prometheus(metrics, wanted.frozen_after + SCRAPES * wanted.scrape_interval)
                of_alerts = collect_alerts.look(metrics, notifier, measured["now"])
                told = alerts.problems(wanted_alerts, of_alerts)
                unseen = cluster.problems(members, of_alerts.cluster, closed)
        except PrometheusError as error:
            measured = {"error": str(error)}
        shown = {} if "error" in measured else dashboards.look(uids, drawable(wanted, measured))
        if params["query_datasource"] and shown and not shown["error"]:
            seen = query_datasource.look(graphs, params["query_datasource"])
            unseen += query_datasource.problems(seen, params["query_datasource"], params["query_hosts"])
        verdict = decide(wanted, measured, shown)
        verdict = verdict._replace(problems=[*verdict.problems, *told, *unseen])
        if not verdict.problems or time.monotonic() >= deadline:
            if sends_test_alert and not told and "error" not in measured:
                verdict = with_test_alert(params, notifier, verdict)
            ending = certificate_problems(params, measured)
            return shown.get("dashboards", {}), verdict._replace(problems=[*verdict.problems, *ending])
        time.sleep(min(PAUSE_SECONDS, max(0.0, deadline - time.monotonic())))


def with_test_alert(params, notifier, verdict):
    """The verdict with what became of a test alert."""
    name, severity, wait = (params[f"test_alert_{part}"] for part in ("name", "severity", "wait"))
    wait += cluster.TURNS_SECONDS if params["alertmanager_members"] else 0
    try:
        trial = collect_alerts.try_alert(notifier, name, severity, wait)
    except PrometheusError as error:
        return verdict._replace(problems=[*verdict.problems, alerts.not_sent(str(error))])
    failed = alerts.trial_problems(trial)
    notes = [] if failed else [alerts.trial_note(trial)]
    return verdict._replace(problems=[*verdict.problems, *failed], notes=[*verdict.notes, *notes])


def certificate_problems(params, measured):
    """The certificates that end soon, of those that are served now and of those that are trusted."""
    urls = {name: params[f"{name.lower()}_url"] for name in ("Grafana", "Prometheus", "Alertmanager")}
    urls = {name: url for name, url in urls.items() if url}
    owners = certificates.owners(measured.get("targets", []), urls)
    seen = certificates.served(owners, params["ca_path"], params["timeout"])
    return certificates.problems(
        seen, certificates.authorities(params["ca_path"]), time.time(), params["certificate_days"]
    )


def main():
    """Runs the module."""
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True, **RULES)
    for pattern in module.params["optional_panels"]:
        try:
            re.compile(pattern)
        except re.error as error:
            module.fail_json(msg=f"optional_panels: '{pattern}' is not a regular expression: {error}.")
    try:
        wanted = wanted_of(module.params)
        shown, verdict = look(module.params, wanted, module.params["test_alert"] and not module.check_mode)
    except (ValueError, PrometheusError, GrafanaError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=False,
        problems=[problem._asdict() for problem in verdict.problems],
        notes=verdict.notes,
        hosts=verdict.rows,
        table=table.lines(verdict.rows, [job for job, places in wanted.jobs.items() if places]),
        dashboards={uid: dashboard and dashboard["panels"] for uid, dashboard in shown.items()},
        checked_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )


if __name__ == "__main__":
    main()
