# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations


class PrometheusError(Exception):
    """The option or query, the value and the fix."""


class NotReady(PrometheusError):
    """Nothing answers, or not yet, or the query failed on the data there is now: another try may do."""
