#!/usr/bin/python
# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: image_bundle
short_description: Fetch the images of a site into a bundle for a site without internet
version_added: "0.1.0"
author:
  - mlops.gpu_monitoring contributors (@mlops)
description:
  - Fetches all images that the roles use on the hosts of the groups C(gpu_hosts) and C(monitoring).
  - >-
    The images come from the upstream registries. C(gpu_monitoring_registry) and C(gpu_monitoring_registries) are
    ignored.
  - Uses the HTTP API of the registries, and needs neither Docker nor a Python package.
  - >-
    The images are an OCI image layout in the folder C(images) of the bundle, byte by byte as the registries have them.
    A C(manifest.json) beside it lets C(docker load) read a tar of the folder. C(bundle.json) lists the images with
    their digests.
  - Checks the SHA-256 of each blob while it is written. A run continues an interrupted run.
  - >-
    If a registry limits requests (status 429), the module waits as long as the registry asks for, at most six hours for
    one request.
  - Removes images from the bundle that no variable names any longer.
  - It runs only on the controller. Run it once for all hosts. The proxies are those of the environment
    (C(https_proxy), C(no_proxy)).
attributes:
  check_mode:
    description: Lists the images and asks no registry.
    support: full
  diff_mode:
    description: Has no differences to show.
    support: none
  idempotent:
    description: Fetches nothing that the bundle has. It asks the registries for the digests of tags.
    support: full
extends_documentation_fragment:
  - mlops.gpu_monitoring.registry
options:
  path:
    description: Folder of the bundle on the controller. A missing folder is created.
    type: path
    required: true
  platforms:
    description: Platforms of the hosts. An image without one of the platforms is an error.
    type: list
    elements: str
    default: [linux/amd64]
"""

EXAMPLES = r"""
- name: Fetch the images
  mlops.gpu_monitoring.image_bundle:
    path: /srv/gpu-monitoring-bundle
    platforms: [linux/amd64, linux/arm64]
  run_once: true

- name: Fetch the images of one platform
  mlops.gpu_monitoring.image_bundle:
    path: /srv/gpu-monitoring-bundle
  run_once: true
"""

RETURN = r"""
images:
  description: The images, as in C(bundle.json). In check mode they have only the reference.
  returned: success
  type: list
  elements: dict
  contains:
    reference:
      description: The image as the variables make it without a mirror.
      type: str
    digest:
      description: Digest of the index, or of the manifest of an image for one platform.
      type: str
    reduced:
      description: Digest of the same with only the platforms of the bundle.
      type: str
    platforms:
      description: For each platform the digests of manifest, config and blobs, and the sizes in bytes.
      type: list
      elements: dict
fetched_bytes:
  description: How much was fetched.
  returned: success, not in check mode
  type: int
"""
