# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Which requests to Grafana are repeated, after which answers, and after which pauses. Pure."""

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import http_client

TRIES = 6
# A minute, as a Grafana that restarts may take.
TRIES_TO_CONNECT = 8
# Six tries wait 15 seconds in all, which is longer than a restart or a locked SQLite database takes.
PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
_STATUSES = (429, 502, 503, 504)
_LOCKED = "database is locked"
# What Grafana asks a datasource. The statuses 500 to 504 are the datasource's own, and stay.
_PASSED_ON = ("/api/datasources/proxy/", "/api/ds/query")


def policy(method: str, path: str, tries: int = TRIES) -> http_client.Retries:
    """When a request is repeated: after some answers, and always after a broken connection."""
    if path.startswith(_PASSED_ON):
        statuses: tuple[int, ...] = (429,)
    elif method == "GET":
        # If SQLite is locked for longer than Grafana waits, a read gets 500 and no more than "InternalError".
        statuses = (*_STATUSES, 500)
    else:
        statuses = _STATUSES
    also = _is_locked_or_cut if method == "GET" else _is_locked
    connect_tries = TRIES_TO_CONNECT if tries > 1 else 1
    return http_client.Retries(tries, PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, statuses, also, connect_tries)


def pause(attempt: int) -> float:
    """Seconds to wait after an attempt that failed on the server, the first being number 1: longer each time."""
    return policy("POST", "").pause(attempt, None)


def _is_locked(answer: http_client.Response) -> bool:
    """Whether the server's SQLite database was busy with another write."""
    return answer.status == 500 and _LOCKED in answer.text


def _is_locked_or_cut(answer: http_client.Response) -> bool:
    return _is_locked(answer) or is_cut(answer)


def is_cut(answer: http_client.Response) -> bool:
    """Whether a proxy has passed on the beginning of an answer alone, without a length that would tell."""
    text = answer.body.strip() if answer.status < 300 else b""
    ends = {b"{": b"}", b"[": b"]"}
    return text[:1] in ends and text[-1:] != ends[text[:1]]
