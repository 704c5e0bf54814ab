#!/usr/bin/python
# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: collection_bundle
short_description: Put the archive of this collection into a bundle for a site without internet
version_added: "0.1.0"
author:
  - mlops.gpu_monitoring contributors (@mlops)
description:
  - >-
    Writes the archive of the collection that runs into the folder C(collection) of a bundle. C(ansible-galaxy
    collection install) takes the archive, also with C(--offline).
  - >-
    An archive of an installed collection is made from its lists C(MANIFEST.json) and C(FILES.json), since
    C(ansible-galaxy collection build) needs a checkout. A file that differs from the lists is refused by name. In a
    checkout C(ansible-galaxy collection build) makes the archive.
  - It runs only on the controller. Run it once for all hosts.
attributes:
  check_mode:
    description: Writes nothing.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
  idempotent:
    description: An archive with the same content is left unchanged.
    support: full
options:
  path:
    description: Folder of the bundle on the controller. A missing folder is created.
    type: path
    required: true
"""

EXAMPLES = r"""
- name: Add the collection
  mlops.gpu_monitoring.collection_bundle:
    path: /srv/gpu-monitoring-bundle
  run_once: true

- name: Add the collection to the bundle on a removable disk
  mlops.gpu_monitoring.collection_bundle:
    path: /media/usb/gpu-monitoring-bundle
  register: added
  run_once: true

- name: Show how the other controller installs the collection
  ansible.builtin.debug:
    msg: "ansible-galaxy collection install --offline {{ added.archive }}"
  run_once: true
"""

RETURN = r"""
archive:
  description: Path of the archive.
  returned: success, not in check mode
  type: str
  sample: /srv/gpu-monitoring-bundle/collection/mlops-gpu_monitoring-0.2.0.tar.gz
"""
