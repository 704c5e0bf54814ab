#!/usr/bin/python
# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: alertmanager_silence
short_description: Silence alerts for planned work
version_added: "0.1.0"
author:
  - mlops.gpu_monitoring contributors (@mlops)
description:
  - >-
    Creates, extends and ends silences of Alertmanager. While a silence lasts, Alertmanager sends no notification of
    alerts that match all its matchers.
  - >-
    A silence is identified by its matchers and by O(created_by). Silences of other authors are neither changed nor
    ended.
  - A silence that has ended or not begun is ignored when one is created.
  - Needs only ansible-core, and works with every server of version 2 of Alertmanager's API, such as Mimir.
extends_documentation_fragment:
  - mlops.gpu_monitoring.prometheus
attributes:
  check_mode:
    description: Reads the silences of Alertmanager, and reports what would be created, extended or ended.
    support: full
  diff_mode:
    description: Shows matchers, end, author and comment of each silence that changes.
    support: full
options:
  url:
    description: Address of Alertmanager, with its sub-path if it has one. For a cluster, use any member.
  state:
    description:
      - V(present) creates a silence, or extends the existing one.
      - V(absent) ends each silence with these matchers and this author immediately.
    type: str
    choices: [present, absent]
    default: present
  matchers:
    description:
      - >-
        Conditions on the labels of alerts, in Alertmanager's notation: the name of a label, V(=), V(!=), V(=~) or
        V(!~), and the value in double quotes. An alert is silenced if it matches all. A regular expression must match
        the whole value.
      - Required without O(hosts). At least one must match a label that is not empty; Alertmanager requires this.
    type: list
    elements: str
    default: []
  hosts:
    description:
      - >-
        Creates a separate silence for each of these hosts, with the matcher C(host="NAME") added to O(matchers). Alerts
        of this collection have the name of the inventory in the label C(host).
      - An empty list does nothing.
    type: list
    elements: str
  duration:
    description:
      - How long the silence lasts from now on, in Prometheus' notation, such as V(30m) or V(1h30m).
      - >-
        An existing silence is extended if less than nine tenths of the duration are left. So a second run changes
        nothing. A silence is never shortened.
    type: str
    default: 1h
  comment:
    description: >-
      Why alerts are silenced, for people who look at the silence. Required with O(state=present). An existing silence
      gets the new comment.
    type: str
  created_by:
    description: The author of the silence.
    type: str
    default: ansible
seealso:
  - module: mlops.gpu_monitoring.prometheus_query_info
  - name: Silences
    description: What Alertmanager does with a silence.
    link: https://prometheus.io/docs/alerting/latest/alertmanager/#silences
"""

EXAMPLES = r"""
- name: Silence all alerts of the hosts that are updated now
  mlops.gpu_monitoring.alertmanager_silence:
    url: http://192.0.2.10:9093
    hosts: "{{ ansible_play_batch }}"
    duration: 2h
    comment: Update of the driver
  delegate_to: localhost
  run_once: true

- name: Let alerts through again
  mlops.gpu_monitoring.alertmanager_silence:
    url: http://192.0.2.10:9093
    hosts: "{{ ansible_play_batch }}"
    state: absent
  delegate_to: localhost
  run_once: true

- name: Silence what a broken fan raises on one GPU
  mlops.gpu_monitoring.alertmanager_silence:
    url: https://alertmanager.example.com
    url_username: ops
    url_password: "{{ alertmanager_password }}"
    ca_path: /etc/ssl/certs/example.pem
    matchers:
      - host="gpu3"
      - gpu="5"
      - alertname=~"GpuHot|GpuThermalSlowdown"
    duration: 3d
    comment: A fan is on order
"""

RETURN = r"""
silences:
  description: >-
    The silences that the task declares, one for each host if O(hosts) is given. With O(state=absent) those that it
    ended.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The id. Empty in check mode for a silence that would be made.
      type: str
      sample: 7d863e76-d9bb-426a-b3bb-b0aae5d61624
    matchers:
      description: The matchers in Alertmanager's notation.
      type: list
      elements: str
      sample: ['host="gpu3"']
    starts_at: {description: "When it began, in UTC.", type: str, sample: "2026-03-01T12:00:00Z"}
    ends_at: {description: "When it ends, in UTC.", type: str, sample: "2026-03-01T14:00:00Z"}
    created_by: {description: The author., type: str, sample: ansible}
    comment: {description: The comment., type: str, sample: Update of the driver}
    state: {description: V(active) or V(expired)., type: str, sample: active}
"""

from datetime import timedelta

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.alertmanager import client, matchers, silences
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.duration import seconds
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.module import Module
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.prometheus import options
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.prometheus.errors import PrometheusError

ARGUMENTS = {
    **options.CONNECTION,
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "matchers": {"type": "list", "elements": "str", "default": []},
    "hosts": {"type": "list", "elements": "str"},
    "duration": {"type": "str", "default": "1h"},
    "comment": {"type": "str"},
    "created_by": {"type": "str", "default": "ansible"},
}


def wanted_of(parameters):
    """The silences that the task declares."""
    given = matchers.parse_all(parameters["matchers"])
    hosts = parameters["hosts"]
    empty = [host for host in hosts or [] if not host]
    if empty:
        raise PrometheusError("hosts: a name is empty. Give names of the inventory.")
    sets = [given] if hosts is None else [given | {matchers.Matcher("host", host)} for host in hosts]
    for matcher_set in sets:
        matchers.check(matcher_set)
    given_duration = parameters["duration"]
    try:
        duration = timedelta(seconds=seconds(given_duration))
    except (ValueError, OverflowError) as error:
        raise PrometheusError(f"duration: '{given_duration}' is not a duration. Write it like 30m or 1h30m.") from error
    if not duration:
        raise PrometheusError(f"duration: '{given_duration}' is zero. Write it like 30m or 1h30m.")
    author, comment = parameters["created_by"], parameters["comment"] or ""
    if not author.strip():
        raise PrometheusError("created_by: it is empty. Name who silences.")
    if parameters["state"] == "present" and not comment.strip():
        raise PrometheusError("comment: it is missing. Say why alerts are silenced.")
    return [silences.Wanted(matcher_set, duration, author, comment) for matcher_set in dict.fromkeys(sets)]


def planned(existing, wanted, state, now):
    """The changes that make the silences as declared."""
    if state == "present":
        return [silences.present(existing, silence, now) for silence in wanted]
    ended = [silences.own(existing, silence.matchers, silence.created_by) for silence in wanted]
    return [silences.Change(silence, None) for group in ended for silence in group]


def carry_out(alertmanager, change):
    """Make the change; the silence as it is then."""
    if change.after is None:
        alertmanager.expire(change.before)
        return change
    if change.after == change.before:
        return change
    return change._replace(after=change.after._replace(id=alertmanager.write(change.after)))


def result_of(changes, now):
    """What the module returns."""
    differing = [change for change in changes if change.before != change.after]
    ended = [change.before._replace(ends_at=now, state="expired").shown() for change in changes if not change.after]
    diff = {
        "before": {"silences": [change.before.shown() for change in differing if change.before]},
        "after": {"silences": [change.after.shown() for change in differing if change.after]},
    }
    return {
        "changed": bool(differing),
        "silences": ended + [change.after.shown() for change in changes if change.after],
        "diff": [diff] if differing else [],
    }


def stays_silenced(existing, wanted):
    """A sentence for each silence of somebody else that is still active after ours was ended."""
    for silence in wanted:
        for other in silences.of_others(existing, silence.matchers, silence.created_by):
            listed = ", ".join(sorted(map(str, other.matchers)))
            yield f"{listed} stays silenced by {other.created_by}: {other.comment}"


def main():
    """Runs the module."""
    required = [("state", "present", ("comment",))]
    module = Module(ARGUMENTS, supports_check_mode=True, required_if=required, **options.CONNECTION_RULES)
    try:
        if module.params["hosts"] is None and not module.params["matchers"]:
            raise PrometheusError("matchers: neither matchers nor hosts are given. Say which alerts are silenced.")
        wanted = wanted_of(module.params)
        alertmanager = client.Client(module.params)
        existing = alertmanager.silences() if wanted else []
        changes = planned(existing, wanted, module.params["state"], alertmanager.now)
        if not module.check_mode:
            changes = [carry_out(alertmanager, change) for change in changes]
    except PrometheusError as error:
        module.fail_json(msg=str(error))
    if module.params["state"] == "absent":
        for warning in stays_silenced(existing, wanted):
            module.warn(warning)
    module.exit_json(**result_of(changes, alertmanager.now))


if __name__ == "__main__":
    main()
