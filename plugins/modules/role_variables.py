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
"""

EXAMPLES = r"""
- name: Check the variables
  mlops.gpu_monitoring.role_variables:
    role: prometheus
    intervals: [prometheus_scrape_interval]
  run_once: true
"""

RETURN = r"""
# Nothing beyond what all modules return.
"""
