# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The options of a connection to Prometheus, as AnsibleModule takes them. They are documented in the documentation
fragment `prometheus`.
"""

from typing import Any

CONNECTION: dict[str, Any] = {
    "url": {"type": "str", "required": True},
    "url_username": {"type": "str"},
    "url_password": {"type": "str", "no_log": True},
    "token": {"type": "str", "no_log": True},
    "validate_certs": {"type": "bool", "default": True},
    "ca_path": {"type": "path"},
    "client_cert": {"type": "path"},
    "client_key": {"type": "path", "no_log": False},
    "timeout": {"type": "int", "default": 10},
    "use_proxy": {"type": "bool", "default": False},
}
CONNECTION_RULES: dict[str, Any] = {
    "mutually_exclusive": [("token", "url_username"), ("token", "url_password")],
    "required_together": [("url_username", "url_password")],
    "required_by": {"client_key": "client_cert"},
}
