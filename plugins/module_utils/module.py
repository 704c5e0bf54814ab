# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Optional

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import datasource_secrets

try:
    from ansible.module_utils.secrets import register_secrets
except ImportError:  # before ansible-core 2.22
    register_secrets = None

HIDDEN = "NOT_LOGGING_PARAMETER"
# A password may have a slash, and the scheme may be missing: the URL is invalid then, and the password no less secret.
_LOGIN_OF_URL = re.compile(r"^(?:\w+://)?(.+)@")
_LOGIN_IN_TEXT = re.compile(r"(?:^|//)([^/\s@]+:[^/\s@]+)@")


def has_secrets(option: dict[str, Any]) -> bool:
    """Whether an option of an argument specification has a suboption that must not be logged."""
    suboptions = (option.get("options") or {}).values()
    return any(suboption.get("no_log") or has_secrets(suboption) for suboption in suboptions)


def logins(pattern: re.Pattern[str], value: Any) -> Iterator[str]:
    """The logins in the URLs of all texts in a value."""
    if isinstance(value, str):
        yield from pattern.findall(value)
    elif isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from logins(pattern, inner)


class Module(AnsibleModule):
    """A module whose options have secrets in suboptions or in URLs.

    Options with secret suboptions are left out of Ansible's entry in the host's log. AnsibleModule searches the
    representation of an option, and does not find a secret of several lines there, such as a private key. The result
    has no logins in the URLs of the options and of the diff, and no secrets in `json_data`.
    """

    def exit_json(self, **kwargs: Any) -> Any:
        """Return the result, without secrets."""
        self._hide_secrets(kwargs)
        return super().exit_json(**kwargs)

    def fail_json(self, msg: str, **kwargs: Any) -> Any:
        """Return the error, without secrets."""
        self._hide_secrets(kwargs)
        return super().fail_json(msg, **kwargs)

    def _hide_secrets(self, result: dict[str, Any]) -> None:
        self._hide(logins(_LOGIN_OF_URL, self.params.get("url")))
        listed = self.params.get("datasources")
        items = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
        urls = [item.get("url") for item in items]
        for json_data in [self.params.get("json_data"), *(item.get("json_data") for item in items)]:
            self._hide(datasource_secrets.misplaced(json_data).values() if isinstance(json_data, dict) else [])
        self._hide(logins(_LOGIN_IN_TEXT, [self.params.get("ds_url"), urls, result.get("diff")]))

    def _hide(self, secrets: Iterable[str]) -> None:
        """Add secrets to those that Ansible masks. From 2.22 on, ansible-core masks only registered ones."""
        hidden = [*secrets]
        self.no_log_values.update(hidden)
        if register_secrets:
            register_secrets(hidden)

    def log(self, msg: str, log_args: Optional[dict[str, Any]] = None) -> None:
        """Write to the host's log."""
        if log_args:
            hidden = {name: HIDDEN for name in log_args if has_secrets(self.argument_spec.get(name) or {})}
            log_args = {**log_args, **hidden}
            if hidden:
                msg = "Invoked with " + " ".join(f"{name}={value}" for name, value in log_args.items())
        super().log(msg, log_args)
