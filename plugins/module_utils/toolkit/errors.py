# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations


class ToolkitError(Exception):
    """What ends the run on a host: why, and what to do."""


class Skipped(Exception):
    """What cannot be done now without harm to a running container."""
