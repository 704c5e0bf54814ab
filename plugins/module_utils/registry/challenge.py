# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""What a registry asks for with status 401: the header WWW-Authenticate. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Optional

_SCHEME = re.compile(r"^\s*(\w+)\s+(.*)$", re.DOTALL)
_PARAMETER = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')


@dataclass(frozen=True)
class Challenge:
    """A way to authenticate: `basic`, or `bearer` with the address of the token server in `parameters`."""

    scheme: str
    parameters: dict[str, str] = field(default_factory=dict)


def of_headers(values: Iterable[str]) -> Optional[Challenge]:
    """The challenge to answer: that with a token if a registry offers several; None if none is known."""
    challenges = [challenge for challenge in map(_challenge, values) if challenge]
    return min(challenges, key=lambda challenge: challenge.scheme != "bearer", default=None)


def _challenge(value: str) -> Optional[Challenge]:
    match = _SCHEME.match(value)
    if match is None:
        return None
    scheme = match[1].lower()
    parameters = {
        name.lower(): re.sub(r"\\(.)", r"\1", quoted) if quoted else plain
        for name, quoted, plain in _PARAMETER.findall(match[2])
    }
    is_known = scheme == "basic" or (scheme == "bearer" and parameters.get("realm"))
    return Challenge(scheme, parameters) if is_known else None
