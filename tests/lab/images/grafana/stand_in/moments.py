"""Times as Grafana writes them."""

from __future__ import annotations

import time


def written(moment: float | None = None) -> str:
    """A moment in seconds since the epoch, now by default."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
