# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations


class ModuleDocFragment:
    """Options of the modules that talk to Prometheus."""

    DOCUMENTATION = r"""
options:
  url:
    description: Address of Prometheus, with its sub-path if it has one.
    type: str
    required: true
  url_username:
    description: Name for basic authentication. Goes with O(url_password).
    type: str
  url_password:
    description: Password for basic authentication.
    type: str
  token:
    description: Bearer token, instead of O(url_username) and O(url_password).
    type: str
  validate_certs:
    description: Whether the server's certificate must be trusted.
    type: bool
    default: true
  ca_path:
    description: File with the certificates of the authorities to trust.
    type: path
  client_cert:
    description: File with a client certificate, and with its key if O(client_key) is not given.
    type: path
  client_key:
    description: File with the key of O(client_cert).
    type: path
  timeout:
    description: Seconds that one request may take.
    type: int
    default: 10
  use_proxy:
    description: Whether to use the proxy that C(http_proxy), C(https_proxy) and C(no_proxy) of the environment name.
    type: bool
    default: false
"""
