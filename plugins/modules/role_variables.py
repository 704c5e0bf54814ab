#!/usr/bin/python
# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: role_variables
short_description: Check the variables of a role for all hosts at once
version_added: "0.1.0"
author:
  - mlops.gpu_monitoring contributors (@mlops)
description:
  - Checks the variables of a role of this collection for all hosts of the play, against its argument specification and the rules given here.
  - It evaluates each variable in the context of its own host. An error names variable, host, value and fix.
  - It runs on the controller alone. Run it once for all hosts.
attributes:
  check_mode:
    description: Checks the same.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
options:
  role:
    description: Name of the role, without that of the collection.
    type: str
    required: true
  hosts:
    description: The hosts of which variables are checked, if they are hosts of the play. The default is all hosts of the play.
    type: list
    elements: str
  intervals:
    description: Variables that have to be durations from 1s to 60s.
    type: list
    elements: str
    default: []
  patterns:
    description: Variables whose values have to match a regular expression from their beginning to their end.
    type: list
    elements: dict
    default: []
    suboptions:
      variable:
        description: The variable.
        type: str
        required: true
      pattern:
        description: The regular expression, as Python takes it.
        type: str
        required: true
      fix:
        description: What to do about a value that does not match.
        type: str
        required: true
  refuse:
    description: Rules that the argument specification cannot express.
    type: list
    elements: dict
    default: []
    suboptions:
      variable:
        description: The variable that an error names.
        type: str
        required: true
      problem:
        description: A Jinja expression, without braces, that gives the problem. It gives an empty text if all is well.
        type: str
        required: true
      fix:
        description: What to do about it.
        type: str
        required: true
  secrets:
    description: Variables with secrets. The messages do not show the secrets.
    type: list
    elements: dict
    default: []
    suboptions:
      variable:
        description:
          - A variable with a password, or with a dictionary of secrets. A password that is set has no white space at its
            ends and no control characters. A secret of a dictionary is text that is not empty.
        type: str
        required: true
      file:
        description: A variable with the path of the password's file on the controller, which counts where no password is set.
        type: str
      longest:
        description: How many bytes the password has at most. V(0) means no limit.
        type: int
        default: 0
"""

EXAMPLES = r"""
- name: Check the variables
  mlops.gpu_monitoring.role_variables:
    role: prometheus
    intervals: [prometheus_scrape_interval]
  run_once: true
"""

RETURN = r"""
problems:
  description: >-
    The wrong variables, with those of earlier tasks that registered C(gpu_monitoring_problems). Empty unless
    C(gpu_monitoring_collect_problems) is true, because the task fails otherwise.
  returned: success
  type: list
  elements: str
  sample: ["prometheus_port on monitor1: the value is not of the type int, but a boolean. Set it to a value of the type int."]
"""
