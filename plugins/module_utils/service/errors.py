# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations


class ServiceError(Exception):
    """The option, its value and the fix; `output` is what the service or validator wrote,
    lines of text.
    """

    def __init__(self, reason: str, output: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.output = output

    def __str__(self) -> str:
        return f"{self.reason}\n{self.output}" if self.output else self.reason
