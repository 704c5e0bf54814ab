# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Secrets of Grafana's datasources in the wrong place: `json_data`, which every reader of a datasource can see."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# Keys of `secureJsonData` in Grafana's own plugins
# (https://grafana.com/docs/grafana/latest/administration/provisioning/).
_NAMES = re.compile(
    r"(basicAuth)?password|httpHeaderValue\d+|tlsClientKey|(sigV4)?secretKey|(azure)?clientSecret|privateKey",
    re.IGNORECASE,
)


def misplaced(json_data: Mapping[str, Any]) -> dict[str, str]:
    """The texts in `json_data` that belong in `secure_json_data`."""
    return {
        key: value
        for key, value in json_data.items()
        if value and isinstance(value, str) and _NAMES.fullmatch(str(key))
    }
