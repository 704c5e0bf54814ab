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
  - Warns of the hosts of the play that were unreachable, and of those on which a part of the deployment failed, with the reasons.
  - It runs on the controller alone. Run it once for all hosts.
attributes:
  check_mode:
    description: Reports the same.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
options: {}
"""

EXAMPLES = r"""
- name: Report what was not deployed
  mlops.gpu_monitoring.deployment_report:
  run_once: true
"""

RETURN = r"""
problems:
  description: The reasons by host. Hosts on which everything was deployed are left out.
  returned: always
  type: dict
  sample: {gpu2: ["Nothing was deployed: Failed to connect to the host via ssh."]}
"""
