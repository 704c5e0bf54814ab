# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""How long to wait before a request is sent again: after a broken connection, and if a registry limits requests."""

import time
from collections.abc import Callable
from email.message import Message

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import http_client

TRIES = 5
FIRST_PAUSE_SECONDS = 1.0
# Docker Hub counts pulls over six hours.
LONGEST_LIMIT_SECONDS = 6 * 3600
PAUSE_OF_A_LIMIT_SECONDS = 60.0


class Waits:
    """The waits of one request. `tell` gets a sentence before each wait that a person would notice.

    `longest_limit` is in seconds: how long the request waits in all if the registry limits requests.
    """

    def __init__(
        self, registry: str, tell: Callable[[str], None], longest_limit: float = LONGEST_LIMIT_SECONDS
    ) -> None:
        self._registry = registry
        self._tell = tell
        self._longest_limit = longest_limit
        self._failures = 0
        self._limited_seconds = 0.0

    def progressed(self) -> None:
        """Forget failures: something arrived since."""
        self._failures = 0

    def after_failure(self, problem: str) -> bool:
        """Wait after a broken connection or an error of the server; False if another try is one too many."""
        self._failures += 1
        if self._failures >= TRIES:
            return False
        pause = FIRST_PAUSE_SECONDS * 2 ** (self._failures - 1)
        self._tell(f"{self._registry}: {problem}. Trying again in {pause:g} s.")
        time.sleep(pause)
        return True

    def after_limit(self, headers: Message) -> bool:
        """Wait as long as a registry asks for that limits requests; False if it was too long already."""
        pause = max(http_client.retry_after(headers), 0.0) or PAUSE_OF_A_LIMIT_SECONDS
        if self._limited_seconds + pause > self._longest_limit:
            return False
        self._limited_seconds += pause
        self._tell(f"{self._registry} limits the requests of this address. Trying again in {pause:.0f} s.")
        time.sleep(pause)
        return True
