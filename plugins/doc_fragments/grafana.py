# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations


class ModuleDocFragment:
    """Options of every module that talks to Grafana."""

    DOCUMENTATION = r"""
requirements:
  - requests (package python3-requests, which comes with python3-docker) on the host that runs the module
options:
  url:
    description: Address of Grafana, with its sub-path where it has one.
    type: str
    required: true
  username:
    description: Name of an account that may administer the organization. Goes with O(password).
    type: str
  password:
    description: The account's password.
    type: str
  token:
    description: Token of a service account, instead of O(username) and O(password).
    type: str
  org_id:
    description: Organization to work in, sent as C(X-Grafana-Org-Id). The account's current one where it is not given.
    type: int
  validate_certs:
    description: Whether the server's certificate must be trusted.
    type: bool
    default: true
  ca_path:
    description: File with the certificates of the authorities to trust.
    type: path
  timeout:
    description: Seconds that one request may take.
    type: int
    default: 10
  wait:
    description: Seconds to wait until Grafana answers. Not spent in check mode.
    type: int
    default: 60
"""
