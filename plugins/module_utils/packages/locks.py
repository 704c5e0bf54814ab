# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import time
from collections.abc import Callable

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.packages.errors import Locked

# After a boot, apt-daily and unattended-upgrades hold the locks for minutes.
WAIT_SECONDS, PAUSE_SECONDS = 300.0, 2.0


def when_free(act: Callable[[], None]) -> None:
    """Repeat an act while another process holds the locks. A guard in the act looks at the host each time."""
    end = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return act()
        except Locked as locked:
            if time.monotonic() > end:
                raise Locked(
                    f"{locked} The lock was waited for {WAIT_SECONDS:g} s. Run again when that process has ended."
                ) from locked
        time.sleep(PAUSE_SECONDS)
