# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError

# Viewers can read the result in a datasource: the rounds make it slow to guess a key from it.
_ROUNDS = 100_000
_SALT = b"mlops.gpu_monitoring secret_key"


def identify(path: Optional[str], may_be_missing: bool) -> Optional[str]:
    """What tells the key in a file from another one without giving it away; None if there is no file."""
    if path is None:
        return None
    try:
        key = Path(path).read_bytes().strip()
    except FileNotFoundError as error:
        if may_be_missing:
            return None
        raise GrafanaError(
            f"secret_key_file: {path} does not exist. Give the file with Grafana's secret_key."
        ) from error
    except OSError as error:
        raise GrafanaError(
            f"secret_key_file: {path}: {error.strerror}. Run this as a user who can read the file."
        ) from error
    return hashlib.pbkdf2_hmac("sha256", key, _SALT, _ROUNDS).hex()[:16]
