# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The only place that talks HTTP to Alertmanager: its API v2.

https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

import re
import time
from collections.abc import Callable
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.alertmanager.matchers import Matcher
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.alertmanager.silences import Silence
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.http_client import Response
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.prometheus.errors import PrometheusError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.prometheus.server import Connection, Server

_Part = TypeVar("_Part")


class ReceivedAlert(NamedTuple):
    """An alert that Alertmanager has: who gets it, and which silences and alerts suppress it."""

    receivers: list[str]
    silenced_by: list[str]
    inhibited_by: list[str]


class Status(NamedTuple):
    """What Alertmanager reports about itself.

    - configuration: the running one as YAML, without secrets.
    - seconds_since_start: how long it has been running.
    - cluster: ready, settling or disabled.
    - peers: addresses with ports of the members of the cluster, its own among them.
    """

    configuration: str
    seconds_since_start: float
    cluster: str
    peers: list[str]


class Client:
    """One Alertmanager, or what speaks its API. `now` is its time, that of this machine before the first answer."""

    def __init__(self, options: Connection) -> None:
        self._server = Server("Alertmanager", 9093, "matchers", options)
        self.url = self._server.url
        self.now = datetime.fromtimestamp(time.time(), timezone.utc)

    def silences(self) -> list[Silence]:
        """All silences, those that are over among them while Alertmanager keeps them."""
        answer = self._server.send("GET", "/api/v2/silences")
        silences = [self._read(answer, _silence, given) for given in self._json(answer)]
        self._set_clock(answer)
        return silences

    def write(self, silence: Silence) -> str:
        """The id of the silence, which is another one if its old silence ended meanwhile."""
        body: dict[str, Any] = {
            "matchers": [
                {"name": name, "value": value, "isRegex": is_regex, "isEqual": is_equal}
                for name, value, is_regex, is_equal in sorted(silence.matchers)
            ],
            "startsAt": silence.starts_at.isoformat(),
            "endsAt": silence.ends_at.isoformat(),
            "createdBy": silence.created_by,
            "comment": silence.comment,
        }
        if silence.id:
            body["id"] = silence.id
        answer = self._server.send("POST", "/api/v2/silences", json_body=body)
        return self._read(answer, lambda given: str(given["silenceID"]), self._json(answer))

    def expire(self, silence: Silence) -> None:
        """End a silence. Alertmanager takes one that is over as well."""
        self._server.send("DELETE", f"/api/v2/silence/{silence.id}")

    def alerts(self, *matchers: Matcher) -> list[ReceivedAlert]:
        """The alerts that are not resolved and fulfil all matchers."""
        filters = urlencode([("filter", str(matcher)) for matcher in matchers])
        answer = self._server.send("GET", f"/api/v2/alerts?{filters}")
        return [self._read(answer, _alert, given) for given in self._json(answer)]

    def send_alert(
        self, labels: dict[str, str], annotations: dict[str, str], starts_at: datetime, ends_at: datetime
    ) -> None:
        """Fire an alert until a moment, or resolve it with a moment that is over."""
        times = {"startsAt": starts_at.isoformat(), "endsAt": ends_at.isoformat()}
        alert = {"labels": labels, "annotations": annotations, **times}
        self._server.send("POST", "/api/v2/alerts", json_body=[alert])

    def metrics(self) -> str:
        """Its own metrics as text."""
        return self._server.send("GET", "/metrics").text

    def status(self) -> Status:
        """Its configuration, its age and its cluster."""
        answer = self._server.send("GET", "/api/v2/status")
        self._set_clock(answer)
        return self._read(answer, self._status, self._json(answer))

    def _status(self, given: Any) -> Status:
        cluster = given["cluster"]
        return Status(
            str(given["config"]["original"]),
            (self.now - moment(given["uptime"])).total_seconds(),
            str(cluster["status"]),
            [str(peer["address"]) for peer in cluster.get("peers") or []],
        )

    def _json(self, answer: Response) -> Any:
        try:
            return answer.json()
        except ValueError as error:
            raise self._foreign(answer) from error

    def _read(self, answer: Response, read: Callable[[Any], _Part], given: Any) -> _Part:
        try:
            return read(given)
        except (KeyError, TypeError, ValueError) as error:
            raise self._foreign(answer) from error

    def _foreign(self, answer: Response) -> PrometheusError:
        return PrometheusError(
            f"url: {answer.url} was not answered as Alertmanager does."
            " Check for a proxy or a login page in between, and for a missing sub-path."
        )

    def _set_clock(self, answer: Response) -> None:
        """A silence begins and ends by the clock of Alertmanager."""
        try:
            self.now = parsedate_to_datetime(answer.headers.get("Date", ""))
        except (TypeError, ValueError, IndexError):
            return


def _alert(given: Any) -> ReceivedAlert:
    status = given["status"]
    receivers = [receiver["name"] for receiver in given["receivers"]]
    return ReceivedAlert(receivers, status["silencedBy"], status["inhibitedBy"])


def _silence(given: Any) -> Silence:
    matchers = [
        # Alertmanager before 0.22 has no isEqual.
        Matcher(matcher["name"], matcher["value"], matcher["isRegex"], matcher.get("isEqual", True))
        for matcher in given["matchers"]
    ]
    return Silence(
        given["id"],
        frozenset(matchers),
        moment(given["startsAt"]),
        moment(given["endsAt"]),
        given["createdBy"],
        given["comment"],
        given["status"]["state"],
    )


def moment(text: str) -> datetime:
    """A moment in RFC 3339. Python before 3.11 reads fractions of 3 or 6 digits alone, and no Z."""
    text = re.sub(r"\.(\d+)", lambda fraction: "." + fraction[1][:6].ljust(6, "0"), text)
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
