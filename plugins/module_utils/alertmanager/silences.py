# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""What must change so that silences are as declared. Pure.

A silence is known by its matchers and its author, as Alertmanager gives it an id that nobody can know before.
"""

from datetime import datetime, timedelta, timezone
from typing import NamedTuple, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.alertmanager.matchers import Matcher

# Of the duration that a task asks for, what a silence may have lost before it is extended. A rerun changes nothing.
_SPENT = 0.1


class Silence(NamedTuple):
    """A silence of Alertmanager. `id` is empty before Alertmanager has it."""

    id: str
    matchers: frozenset[Matcher]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str
    state: str

    def shown(self) -> dict[str, object]:
        """The silence as a person reads it, with times in UTC."""
        return {
            "id": self.id,
            "matchers": sorted(map(str, self.matchers)),
            "starts_at": in_utc(self.starts_at),
            "ends_at": in_utc(self.ends_at),
            "created_by": self.created_by,
            "comment": self.comment,
            "state": self.state,
        }


class Wanted(NamedTuple):
    """A silence as it is declared: from now on, for a duration."""

    matchers: frozenset[Matcher]
    duration: timedelta
    created_by: str
    comment: str


class Change(NamedTuple):
    """A silence before and after. None means no silence; `before` and `after` are the same if nothing changes."""

    before: Optional[Silence]
    after: Optional[Silence]


def in_utc(moment: datetime) -> str:
    """The moment in RFC 3339, to the second."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def present(existing: list[Silence], wanted: Wanted, now: datetime) -> Change:
    """How the wanted silence comes to be there now.

    A silence that has not begun or has ended does not count. A longer silence keeps its end.
    """
    active = [silence for silence in own(existing, wanted.matchers, wanted.created_by) if silence.state == "active"]
    ends_at = now + wanted.duration
    if not active:
        new = Silence("", wanted.matchers, now, ends_at, wanted.created_by, wanted.comment, "active")
        return Change(None, new)
    before = max(active, key=lambda silence: silence.ends_at)
    is_short = before.ends_at < now + (1 - _SPENT) * wanted.duration
    return Change(before, before._replace(ends_at=ends_at if is_short else before.ends_at, comment=wanted.comment))


def own(existing: list[Silence], matchers: frozenset[Matcher], created_by: str) -> list[Silence]:
    """The silences that are not over with just these matchers, of one author."""
    return [silence for silence in _alike(existing, matchers) if silence.created_by == created_by]


def of_others(existing: list[Silence], matchers: frozenset[Matcher], created_by: str) -> list[Silence]:
    """The silences that are not over with just these matchers, of other authors."""
    return [silence for silence in _alike(existing, matchers) if silence.created_by != created_by]


def _alike(existing: list[Silence], matchers: frozenset[Matcher]) -> list[Silence]:
    return [silence for silence in existing if silence.state != "expired" and silence.matchers == matchers]
