# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The rows of a verdict as a table for people. Pure."""

from typing import Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.observed import Row


def lines(rows: list[Row], jobs: list[str]) -> list[str]:
    """A heading and a line for each host; a - is what is not known or does not apply there."""
    heading = ["host", *jobs, "sample age", "GPUs seen/there", "containers seen/there", "clock skew"]
    cells = [heading, *([row["host"], *(row["jobs"].get(job, "-") for job in jobs), *_numbers(row)] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(heading))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in cells]


def _numbers(row: Row) -> list[str]:
    mig = f", MIG {row['mig_seen']}/{row['mig_there']}" if row["mig_seen"] or row["mig_there"] else ""
    return [
        _seconds(row["sample_age"]),
        _counts(row["gpus_seen"], row["gpus_there"]) + mig,
        _counts(row["containers_seen"], row["containers_there"]),
        _seconds(row["clock_skew"], "+"),
    ]


def _seconds(value: Optional[float], sign: str = "") -> str:
    return "-" if value is None else f"{value:{sign}.1f} s"


def _counts(seen: Optional[int], present: Optional[int]) -> str:
    if seen is None and present is None:
        return "-"
    return f"{'-' if seen is None else seen}/{'-' if present is None else present}"
