# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations


class GrafanaError(Exception):
    """The object or option, the value and the fix."""


class NotReachable(GrafanaError):
    """Nothing answers at the URL."""


class NotAllowed(GrafanaError):
    """The server refuses the credentials: no further request may be made with them, since it locks accounts."""


class WrongPassword(NotAllowed):
    """The server knows no account with this username and password, or the account is locked."""


class AccountDisabled(NotAllowed):
    """The server knows the credentials, and the account is disabled."""


class Forbidden(GrafanaError):
    """The account lacks a permission (403)."""


class Conflict(GrafanaError):
    """The server is not as it was read (409, 412): read again before the next try.

    `may_be_own` tells that an earlier try of the same request may have made it so.
    """

    def __init__(self, message: str, may_be_own: bool = False) -> None:
        super().__init__(message)
        self.may_be_own = may_be_own


class Unclear(Conflict):
    """The server failed (500), and may have written or not: read again after a pause."""


class TitleTaken(Conflict):
    """Another dashboard of the folder has the title (412). Grafana 11.3 and newer do not mind."""
