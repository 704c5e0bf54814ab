#!/usr/bin/python
# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: image_push
short_description: Push the images of a bundle into the registry of a site
version_added: "0.1.0"
author:
  - mlops.gpu_monitoring contributors (@mlops)
description:
  - Pushes images from a bundle of M(mlops.gpu_monitoring.image_bundle) to the registries that
    C(gpu_monitoring_registry) and C(gpu_monitoring_registries) name.
  - The images are those that the roles' variables make for the hosts of the groups C(gpu_hosts) and C(monitoring).
  - Sends the bytes of the bundle, so the digests stay. Does not send a blob that the registry has.
  - >-
    An index names all platforms of an image, also those that the bundle lacks. A registry that refuses such an index
    gets the manifest of the platform, whose digest stays too. With several platforms in the bundle it gets an index of
    these platforms.
  - It runs only on the controller. Run it once for all hosts.
attributes:
  check_mode:
    description: Checks that the bundle has the images, and asks no registry.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
  idempotent:
    description: Changes nothing if the tags of the registry have the digests of the bundle.
    support: full
extends_documentation_fragment:
  - mlops.gpu_monitoring.registry
options:
  path:
    description: Folder of the bundle on the controller.
    type: path
    required: true
  hosts:
    description:
      - Hosts of the groups C(gpu_hosts) and C(monitoring) whose images are pushed. All hosts of the groups if it is
        empty.
      - The hosts must have the same C(gpu_monitoring_registry_username), C(gpu_monitoring_registry_password) and
        C(gpu_monitoring_registry_ca). Otherwise the module fails and names the variable and the host.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Push the images
  mlops.gpu_monitoring.image_push:
    path: /srv/gpu-monitoring-bundle
    registry: "{{ gpu_monitoring_registry }}"
    registry_username: "{{ gpu_monitoring_registry_username }}"
    registry_password: "{{ gpu_monitoring_registry_password }}"
  run_once: true

- name: Push the images of two hosts, into a registry with an authority of the site
  mlops.gpu_monitoring.image_push:
    path: /srv/gpu-monitoring-bundle
    hosts: [gpu1, gpu2]
    registry_ca: "{{ lookup('ansible.builtin.file', 'authority.pem') }}"
  run_once: true
"""

RETURN = r"""
images:
  description: The images. None in check mode.
  returned: success
  type: list
  elements: dict
  contains:
    reference:
      description: The image in the registry of the site.
      type: str
    digest:
      description: What the registry calls by the tag.
      type: str
    changed:
      description: Whether the tag or a part of the image was missing.
      type: bool
    sent_bytes:
      description: Bytes of the blobs that were sent.
      type: int
"""
