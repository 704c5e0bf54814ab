# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The integrations of Alertmanager's receivers and their secrets, read in notify/*/config.go and config/config.go of
0.35.0.
"""

from collections.abc import Sequence
from typing import NamedTuple


class Integration(NamedTuple):
    """An integration such as slack: settings that are secrets, and which of them it cannot do without.

    Each secret has a setting of the same name with `_file`, which reads it from a file. `needs` are groups of secrets,
    of which one each must be there. `shared` says that `global` may have them, `authorization` that the integration
    may log in by `http_config` instead.
    """

    secrets: Sequence[str] = ()
    needs: Sequence[Sequence[str]] = ()
    shared: bool = False
    authorization: bool = False


# By the key of a receiver, without `_configs`. A user name without a password is found for email beside these.
INTEGRATIONS = {
    "discord": Integration(("webhook_url",), (("webhook_url",),)),
    "email": Integration(("auth_password", "auth_secret")),
    "incidentio": Integration(("alert_source_token",), (("alert_source_token",),), authorization=True),
    "jira": Integration(),
    "mattermost": Integration(("webhook_url",), (("webhook_url",),), shared=True),
    "msteams": Integration(("webhook_url",), (("webhook_url",),)),
    "msteamsv2": Integration(("webhook_url",), (("webhook_url",),)),
    "opsgenie": Integration(("api_key",), (("api_key",),), shared=True),
    "pagerduty": Integration(("routing_key", "service_key"), (("routing_key", "service_key"),)),
    "pushover": Integration(("token", "user_key"), (("token",), ("user_key",))),
    "rocketchat": Integration(("token", "token_id"), (("token",), ("token_id",)), shared=True),
    "slack": Integration(("api_url", "app_token"), (("api_url", "app_token"),), shared=True, authorization=True),
    "sns": Integration(),
    "telegram": Integration(("bot_token",), (("bot_token",),), shared=True),
    "victorops": Integration(("api_key",), (("api_key",),), shared=True),
    "webex": Integration(),
    "webhook": Integration(("url",), (("url",),)),
    "wechat": Integration(("api_secret",), (("api_secret",),), shared=True),
}
# Short forms of the role, each with the integration that it becomes. ntfy is a webhook with a payload.
SHORT_FORMS = {
    "email": "email",
    "slack": "slack",
    "teams": "msteamsv2",
    "webhook": "webhook",
    "pagerduty": "pagerduty",
    "telegram": "telegram",
    "ntfy": "webhook",
}
# The settings of the short form ntfy. Its secrets have settings with `_file` as well.
NTFY = ("url", "topic", "token_file", "username", "password_file", "priority", "send_resolved", "http_config")
NTFY_SECRETS = ("token", "password")
GLOBAL_SECRETS = (
    *("smtp_auth_password", "smtp_auth_secret"),
    *(
        f"{name}_{secret}"
        for name, integration in INTEGRATIONS.items()
        if integration.shared
        for secret in integration.secrets
    ),
)
