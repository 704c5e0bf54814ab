#!/usr/bin/python
# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: apt_sources_info
short_description: The package repositories that apt reads
version_added: "0.1.0"
author:
  - mlops.gpu_monitoring contributors (@mlops)
description:
  - Lists the entries of C(/etc/apt/sources.list) and of the files in C(/etc/apt/sources.list.d), in both formats.
  - Those that are commented out or not enabled are left out.
attributes:
  check_mode:
    description: Runs in check mode and changes nothing.
    support: full
  diff_mode:
    description: Has no differences to show.
    support: none
options:
  folder:
    description: The folder of apt's configuration.
    type: path
    default: /etc/apt
"""

EXAMPLES = r"""
- name: Ask for the package repositories
  mlops.gpu_monitoring.apt_sources_info:
  register: apt

- name: Show those of NVIDIA
  ansible.builtin.debug:
    msg: "{{ apt.entries | selectattr('uri', 'search', 'nvidia') }}"
"""

RETURN = r"""
entries:
  description: The entries, one for each URI.
  returned: always
  type: list
  elements: dict
  contains:
    path: {description: The file., type: str, sample: /etc/apt/sources.list.d/debian.sources}
    line: {description: The line of the URI., type: int, sample: 2}
    uri: {description: "The URI, as it is written.", type: str, sample: "http://deb.debian.org/debian"}
"""

import glob
import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import apt_sources


def main() -> None:
    """Runs the module."""
    module = AnsibleModule({"folder": {"type": "path", "default": "/etc/apt"}}, supports_check_mode=True)
    folder = module.params["folder"]
    patterns = ("sources.list", "sources.list.d/*.list", "sources.list.d/*.sources")
    found = []
    for path in sorted(path for pattern in patterns for path in glob.glob(f"{folder}/{pattern}") if os.path.isfile(path)):
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
        found += [{"path": path, "line": line, "uri": uri} for line, uri in apt_sources.entries(text, deb822=path.endswith(".sources"))]
    module.exit_json(changed=False, entries=found)


if __name__ == "__main__":
    main()
