#!/usr/bin/python
# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: toolkit_bundle
short_description: Fetch the packages of the NVIDIA container toolkit into a bundle for a site without internet
version_added: "0.1.0"
author:
  - mlops.gpu_monitoring contributors (@mlops)
description:
  - >-
    Copies NVIDIA's package repository, or a mirror of the repository, into the folder C(packages) of a bundle. The
    folder has the original signed indices, the key, and the four packages of the toolkit.
  - >-
    C(nvidia_container_toolkit_version) or C(nvidia_container_toolkit_default_version) of the hosts of the group
    C(gpu_hosts) sets the versions. The key is that of C(nvidia_container_toolkit_key), with the fingerprint
    C(nvidia_container_toolkit_key_fingerprint).
  - >-
    Checks each file against the hash in the index. Checks the index against its signature if the key is an RSA key, as
    NVIDIA's is. For other keys, a warning says that only the hosts check the signature.
  - >-
    A further run continues where an earlier run ended, and fetches no package again. Files of other versions and
    platforms are removed.
  - Tries again if a connection breaks or the server is busy (status 429, 502, 503, 504), up to six times.
  - >-
    It runs only on the controller, and needs no package manager. Run it once for all hosts. The proxies are those of
    the environment (C(https_proxy), C(no_proxy)).
attributes:
  check_mode:
    description: Lists the versions and asks no repository.
    support: full
  diff_mode:
    description: Has no differences to show.
    support: none
  idempotent:
    description: Fetches no package that the bundle has. It asks the repositories for their indices.
    support: full
options:
  path:
    description: Folder of the bundle on the controller. A missing folder is created.
    type: path
    required: true
  platforms:
    description: Platforms of the hosts.
    type: list
    elements: str
    choices: [linux/amd64, linux/arm64]
    default: [linux/amd64]
  kinds:
    description: Kinds of packages, V(apt) for Debian and Ubuntu, V(rpm) for the RHEL family.
    type: list
    elements: str
    choices: [apt, rpm]
    default: [apt, rpm]
  apt_url:
    description:
      - >-
        URL of the flat apt repository, in which C($(ARCH)) stands for the architecture. If empty, NVIDIA's own
        repository is used.
      - A user and a password in the URL are sent to that server, and never shown.
    type: str
    default: ""
  rpm_url:
    description: The same for the dnf repository, in which C($basearch) stands for the architecture.
    type: str
    default: ""
  ca_path:
    description: >-
      File of the controller with certificates of authorities, for a mirror or a proxy with a private authority. By
      default, the authorities of the system are trusted.
    type: path
"""

EXAMPLES = r"""
- name: Fetch the packages of the toolkit
  mlops.gpu_monitoring.toolkit_bundle:
    path: /srv/gpu-monitoring-bundle
    platforms: [linux/amd64]
    kinds: [apt]
  run_once: true

- name: Fetch the packages from a mirror
  mlops.gpu_monitoring.toolkit_bundle:
    path: /srv/gpu-monitoring-bundle
    kinds: [apt]
    apt_url: https://mirror.example.com/libnvidia-container/stable/deb/$(ARCH)
    ca_path: /etc/ssl/site/authority.pem
  run_once: true
"""

RETURN = r"""
packages:
  description: The packages, as in C(bundle.json).
  returned: success, not in check mode
  type: list
  elements: dict
  contains:
    distribution: {description: The kind., type: str, sample: apt}
    version: {description: Version of the packages., type: str, sample: 1.20.1}
    architecture: {description: What apt or dnf calls the architecture., type: str, sample: amd64}
    files: {description: "Paths of the files, relative to the bundle.", type: list, elements: str}
versions:
  description: The versions that the variables ask for.
  returned: success
  type: list
  elements: str
  sample: [1.20.1]
"""
