# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Runs until SIGTERM or SIGINT."""

import signal
import sys
import time

from container_gpu_collector.collector import Collector
from container_gpu_collector.options import parse

# A start or an end of a container is in the file after this time at most.
_SECONDS = 2.0
_STOP = {signal.SIGTERM, signal.SIGINT}


def main() -> None:
    """Collect again and again. What fails in the first round ends the program; what fails later may pass."""
    collector = Collector(parse(sys.argv[1:]))
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP)
    collector.collect(time.time())
    while not signal.sigtimedwait(_STOP, _SECONDS):
        try:
            collector.collect(time.time())
        except OSError as error:
            collector.tell({str(error)})
    collector.stop()


if __name__ == "__main__":
    main()
