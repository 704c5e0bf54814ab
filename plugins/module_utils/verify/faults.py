# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""A fault of the fleet, and the words that its sentences share. Pure."""

from typing import NamedTuple

SITE = "Run the playbook site."
# What was checked, of faults that several files decide.
ALERTS = "alerts"


class Problem(NamedTuple):
    """One fault: what was checked, the host (empty for a fault of no host) and one sentence."""

    check: str
    host: str
    message: str


def listed(names: list[str]) -> str:
    """The names as a sentence has them."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def one_line(text: str) -> str:
    """A text of several lines as one."""
    return " ".join(text.split())
