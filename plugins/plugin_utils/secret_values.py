# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.value_types import Problem

# What bcrypt reads of a password: https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md
BCRYPT_BYTES = 72
_ANOTHER = "Set another one"
_SECRET_NAME = re.compile(
    r"(PASSWORD|PASSWD|PASS|SECRET|TOKEN|KEY|CREDENTIALS|PASSPHRASE|AUTHORIZATION)$", re.IGNORECASE
)
_LOGIN_IN_VALUE = re.compile(r"://[^/\s@]*:[^/\s@]+@|\bpassword=", re.IGNORECASE)
# A switch, such as that of use_refresh_token, a path, such as that of tls_client_key, or Grafana's reference to where
# the secret is.
_HARMLESS = re.compile(r"true|false|/.*|\$__(file|vault|env)\{.*\}|", re.IGNORECASE)


def is_inline(name: str, value: str) -> bool:
    """Whether an environment variable would hold a secret itself."""
    return bool((_SECRET_NAME.search(name) and not _HARMLESS.fullmatch(value)) or _LOGIN_IN_VALUE.search(value))


def password_problem(password: str, longest: int = 0, shortest: int = 0) -> Optional[Problem]:
    """Why a password cannot be used, without the password; None if it can. `longest` is in bytes, 0 for no limit.
    `shortest` is in characters.
    """
    if not password.strip():
        return Problem("the password is empty or has only white space", _ANOTHER)
    if password != password.strip():
        return Problem(
            "the password begins or ends with white space, which is lost if it is read from a file",
            "Remove the white space",
        )
    if any(ord(character) < 32 or ord(character) == 127 for character in password):
        return Problem("the password has a control character, such as a line break", _ANOTHER)
    if len(password) < shortest:
        return Problem(f"the password has fewer than {shortest} characters", "Give a longer password")
    if longest and len(password.encode()) > longest:
        return Problem(f"the password has more than the {longest} bytes that bcrypt reads", "Set a shorter one")
    return None


def contents_problem(contents: Mapping[Any, Any]) -> Optional[Problem]:
    """Why the secrets of files, by name, cannot be used, without the secrets; None if all is well."""
    for name, content in contents.items():
        if not isinstance(content, str):
            return Problem(f"the content of '{name}' is not text", "Put the content into quotation marks")
        if not content.strip():
            return Problem(
                f"the content of '{name}' is empty", "Set the content, or remove the file from the dictionary"
            )
    return None
