from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """An answer with a status and Grafana's JSON body."""

    def __init__(self, code: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.code = code
        self.body = {"message": message, **more}
