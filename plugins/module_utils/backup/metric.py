# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The time of the last backup, for the node exporter of the monitoring host."""

from __future__ import annotations

import os

_TIME = "gpu_monitoring_backup_last_success_timestamp_seconds"
_AGE = "gpu_monitoring_backup_max_age_seconds"


def text(made: float, max_age: float) -> str:
    """The metrics in the text format of Prometheus."""
    return (
        f"# HELP {_TIME} Time of the last backup of this monitoring host that was made and checked.\n"
        f"# TYPE {_TIME} gauge\n{_TIME} {made:.0f}\n"
        f"# HELP {_AGE} Age from which the last backup counts as too old.\n"
        f"# TYPE {_AGE} gauge\n{_AGE} {max_age:.0f}\n"
    )


def write(path: str, made: float, max_age: float) -> None:
    """Write the metrics in one step, so that the node exporter never reads half of them. Raises OSError."""
    os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        file.write(text(made, max_age))
        os.fchmod(file.fileno(), 0o644)
    os.replace(f"{path}.new", path)
