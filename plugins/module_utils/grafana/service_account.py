# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Optional
from urllib.parse import quote

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import token_file
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import (
    ServiceAccount as ExistingAccount,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.client import Client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.declared import AccountOptions, Connection
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import (
    AccountDisabled,
    Forbidden,
    GrafanaError,
    NotAllowed,
    NotReachable,
)

PATH = "/api/serviceaccounts"
# pkg/services/serviceaccounts/errors.go
ALREADY_EXISTS = "service account already exists"
TOKEN_ALREADY_EXISTS = "token with given name already exists"
Settings = Mapping[str, object]


class ServiceAccount:
    """A service account and its token (https://grafana.com/docs/grafana/latest/developers/http_api/serviceaccount/)."""

    def __init__(self, client: Client, options: AccountOptions, write: bool) -> None:
        self.actions: list[str] = []
        self._client = client
        self._options = options
        self._write = write
        self._before: Settings = {}
        self._requests_with_token = 0

    @property
    def requests(self) -> int:
        """Number of HTTP requests, those with the service account's token included."""
        return self._client.count + self._requests_with_token

    def reconcile(self, is_answered: bool = True) -> None:
        """Create the account and its token. If no Grafana answers yet, the plan is that for an empty Grafana."""
        if not self._options["name"].strip():
            raise GrafanaError("name: empty. Give the service account a name.")
        token = token_file.read(self._token_file)
        account = self._existing() if is_answered else None
        if account:
            self._before = {key: account[key] for key in ("name", "role", "isDisabled")}
        if self._options["state"] == "absent":
            self._remove(account)
            return
        wanted = {"name": self._options["name"], "role": self._options["role"], "isDisabled": False}
        if not account:
            self.actions.append("create service account")
            account = self._create(wanted) if self._write else {}
            token = token if "create service account" in self.actions else token_file.read(self._token_file)
        elif self._before != wanted:
            self.actions.append("update service account")
            if self._write:
                self._client.patch(f"{PATH}/{account['id']}", wanted)
        if "create service account" in self.actions or not self._is_taken(token):
            self._make_token(account)

    def diff(self) -> dict[str, str]:
        """The account before and after, in Ansible's form of a diff."""
        gone = self._options["state"] == "absent"
        after = {} if gone else {"name": self._options["name"], "role": self._options["role"], "isDisabled": False}
        made = {"token": "<set>"} if "create token" in self.actions else {}
        return {"before": _lines(self._before), "after": _lines({**after, **made})}

    def _existing(self) -> Optional[ExistingAccount]:
        name = self._options["name"]
        answer = self._client.get(f"{PATH}/search?perpage=1000&query={quote(name, safe='')}")
        if answer is None:
            raise GrafanaError("this Grafana has no service accounts. Upgrade Grafana to version 9 or newer.")
        return next((account for account in answer["serviceAccounts"] if account["name"] == name), None)

    def _create(self, wanted: Settings) -> ExistingAccount:
        """The new service account, or the one that the same task on another host has made meanwhile."""
        try:
            made = self._client.post(PATH, dict(wanted), tries=1)
            account = made or self._existing()
        except NotReachable:
            # The answer may be lost if Grafana made the account.
            account = self._existing()
        except GrafanaError as error:
            if ALREADY_EXISTS not in str(error):
                raise
            account = self._existing()
            if account is None:
                raise GrafanaError(
                    f"name: '{self._options['name']}' differs from the name of another service account only in capitals"
                    " or blanks, which Grafana refuses. Give that name, or another one."
                ) from error
            self.actions.remove("create service account")
            return account
        if not account:
            raise GrafanaError(f"Grafana did not make the service account '{self._options['name']}'. Run again.")
        return account

    def _remove(self, account: Optional[ExistingAccount]) -> None:
        if account:
            self.actions.append("delete service account")
            if self._write:
                self._client.delete(f"{PATH}/{account['id']}")
        file = self._options["token_file"]
        if file and os.path.exists(file):
            self.actions.append("delete token file")
            if self._write:
                os.remove(file)

    def _is_taken(self, token: str) -> bool:
        if not token:
            return False
        client = Client(self._with_token(token))
        try:
            user = client.get("/api/user")
            # Without a user it is an older Grafana, which takes the token and has no user to show.
            return user is None or user.get("name") == self._options["name"]
        except AccountDisabled:
            # The token is the account's: Grafana takes it again some seconds after the account is enabled.
            return True
        except NotAllowed:
            return False
        except Forbidden:
            # Grafana 10 takes the token: "Endpoint only available for users".
            return True
        finally:
            self._requests_with_token += client.count

    @property
    def _token_file(self) -> str:
        """The file, which the module requires unless the account is removed."""
        return self._options["token_file"] or ""

    def _with_token(self, token: str) -> Connection:
        """The connection as the service account has it."""
        given = self._options
        return {
            "url": given["url"],
            "username": None,
            "password": None,
            "token": token,
            "org_id": given["org_id"],
            "validate_certs": given["validate_certs"],
            "ca_path": given["ca_path"],
            "client_cert": given["client_cert"],
            "client_key": given["client_key"],
            "timeout": given["timeout"],
            "use_proxy": given["use_proxy"],
            "login_help": given["login_help"],
        }

    def _make_token(self, account: ExistingAccount) -> None:
        self.actions.append("create token")
        if not self._write:
            return
        with token_file.written_at_once(self._token_file) as file:
            file.write(self._new_token(f"{PATH}/{account['id']}/tokens"))

    def _new_token(self, path: str) -> str:
        name = self._options["token_name"] or self._options["name"]
        try:
            made = self._replace_token(path, name)
        except NotReachable:
            # The answer, and the token in it, may be lost.
            made = self._replace_token(path, name)
        except GrafanaError as error:
            if TOKEN_ALREADY_EXISTS not in str(error):
                raise
            raise GrafanaError(
                f"token_name: '{name}' is the name of a token of another service account, and Grafana takes a name once"
                " in an organization. Give another name."
            ) from error
        if not made or "key" not in made:
            raise GrafanaError(f"the answer of Grafana has no token '{name}'. Run again for another token.")
        return str(made["key"])

    def _replace_token(self, path: str, name: str) -> Any:
        for token in self._client.get(path) or []:
            if token["name"] == name:
                self._client.delete(f"{path}/{token['id']}")
        return self._client.post(path, {"name": name}, tries=1)


def _lines(settings: Settings) -> str:
    return "".join(f"{key}: {value}\n" for key, value in sorted(settings.items()))
