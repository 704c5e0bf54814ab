# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import public_url, secret_values
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import HostVariables, VariableError

# Settings that the role derives from a variable of its own
# (https://grafana.com/docs/grafana/latest/setup-grafana/configure-grafana/).
_OF_THE_ROLE = {
    "GF_PATHS_DATA": "grafana_volume",
    "GF_SECURITY_ADMIN_PASSWORD": "grafana_admin_password",
    "GF_SECURITY_ADMIN_USER": "grafana_admin_user",
    "GF_SECURITY_SECRET_KEY": "grafana_secret_key",
    "GF_SERVER_CERT_FILE": "grafana_protocol",
    "GF_SERVER_CERT_KEY": "grafana_protocol",
    "GF_SERVER_HTTP_ADDR": "grafana_address",
    "GF_SERVER_HTTP_PORT": "grafana_port",
    "GF_SERVER_PROTOCOL": "grafana_protocol",
    "GF_SERVER_ROOT_URL": "grafana_root_url",
}
_SECRET_FILE = re.compile(r"/etc/gpu_monitoring/secrets/([^}]*)")
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def check(variables: HostVariables, host: str) -> Iterator[VariableError]:
    """Each setting of Grafana that would not work, or that would show a secret."""
    secret_files = variables.get(host, "grafana_secret_files") or {}
    environment = variables.get(host, "grafana_environment_extra") or {}
    for name, problem in (
        (
            "grafana_root_url",
            public_url.problem_of(str(variables.get(host, "grafana_root_url") or ""), "https://example.com/grafana/"),
        ),
        ("grafana_secret_files", _problem_of_files(secret_files)),
        ("grafana_environment_extra", _problem_of_environment(environment, secret_files)),
    ):
        if problem:
            yield VariableError(name, host, *problem)


def _problem_of_files(files: Mapping[str, Any]) -> tuple[str, str] | None:
    for name in files:
        if not _FILE_NAME.fullmatch(str(name)):
            return f"'{name}' is not a name of a file", "Use letters, digits, '_', '.' and '-'"
    return None


def _problem_of_environment(environment: Mapping[str, Any], secret_files: Collection[str]) -> tuple[str, str] | None:
    for name, value in ((str(name), value) for name, value in environment.items()):
        own = _OF_THE_ROLE.get(name.removesuffix("__FILE"))
        if own:
            return f"the role sets {name}", f"Set {own} instead"
        text = str(value)
        if secret_values.is_inline(name, text):
            reference = "$__file{/etc/gpu_monitoring/secrets/NAME}"
            return f"{name} is a secret, which everybody can read in an environment", (
                f"Put it into grafana_secret_files, and set {name} to '{reference}'"
            )
        missing = [file for file in _SECRET_FILE.findall(text) if file not in secret_files]
        if missing:
            return f"{name} names the file {missing[0]}, which grafana_secret_files does not have", "Add it there"
    return None
