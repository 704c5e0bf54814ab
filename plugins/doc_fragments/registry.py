# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations


class ModuleDocFragment:
    """Options of the modules that ask registries from the controller."""

    DOCUMENTATION = r"""
options:
  registry:
    description:
      - Registry to log in to with O(registry_username), as C(host[:port]), or with the path of its images. Docker Hub
        if it is empty.
      - Another registry never gets this login. It gets what C(docker login) left in C(~/.docker/config.json) of the
        user on the controller, credential helpers included.
    type: str
    default: ""
  registry_username:
    description: User of O(registry). If it is empty, C(~/.docker/config.json) counts for all registries.
    type: str
    default: ""
  registry_password:
    description: Password or access token of O(registry_username).
    type: str
    default: ""
  registry_ca:
    description:
      - >-
        PEM text of the authorities that signed the certificates of O(registry) and O(mirrors). The authorities count
        for other servers too to which these registries send their clients, such as a server of tokens.
      - The authorities of the controller count as well. Other registries need a certificate that the controller trusts.
    type: str
    default: ""
  mirrors:
    description: Further registries of the site, as C(host[:port]) or with a path, for which O(registry_ca) counts.
    type: list
    elements: str
    default: []
  insecure_registries:
    description: Registries that speak no TLS, as C(host[:port]), like C(insecure-registries) in C(daemon.json).
    type: list
    elements: str
    default: []
"""
