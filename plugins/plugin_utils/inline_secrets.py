# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Secrets in a program's configuration itself, and missing secret files that it names. Pure; no value is shown."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import secret_values

# Fields of the type Secret in https://prometheus.io/docs/prometheus/latest/configuration/configuration/, each with
# the field that reads the same from a file; empty if Prometheus has none.
_SECRET_KEYS = {
    "application_credential_secret": "",
    "application_secret": "",
    "auth_token": "auth_token_file",
    "bearer_token": "bearer_token_file",
    "client_certificate_key": "client_certificate_key_file",
    "client_secret": "client_secret_file",
    "consumer_key": "",
    "credentials": "credentials_file",
    "key": "key_file",
    "password": "password_file",
    "private_key": "",
    "secret": "",
    "secret_key": "",
    "secrets": "files",
    "service_account_key": "",
    "token": "",
}
# Elsewhere, `key` is not a secret: it is that of a project or an issue in a payload or in the fields of an issue.
_PRIVATE_KEY = "tls_config.key"
# Their keys are names that the site chose, not settings of Prometheus.
_NAMED_BY_SITE = {"annotations", "external_labels", "labels", "params"}
# The service that gets the payload of a webhook chose its keys. Alertmanager fills a value that is a template.
_IN_PAYLOAD = re.compile(r"\.payload\b")
_TEMPLATE = "{{"
_SECRET_HEADER = re.compile(r"authorization|cookie|token|api-?key|secret|password", re.IGNORECASE)
_CREDENTIALS = re.compile(r"\s*(basic|bearer|token)\s+\S", re.IGNORECASE)
_URL_WITH_LOGIN = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^/\s?#'\"]*@")


class Problem(NamedTuple):
    """What is wrong at a place of a configuration, and what to do about it."""

    text: str
    fix: str


class Program(NamedTuple):
    """A program whose configuration a site writes. The role's variables begin with `role`, its files are in
    /etc/`role`.
    """

    name: str
    role: str
    named_by_site: Collection[str]

    @property
    def secret_files(self) -> str:
        """The variable with the secrets."""
        return f"{self.role}_secret_files"


PROMETHEUS = Program("Prometheus", "prometheus", _NAMED_BY_SITE)


def problem_of(
    configuration: Any, secret_files: Collection[str], program: Program = PROMETHEUS, path: str = ""
) -> Problem | None:
    """The first inline secret, or the first secret file that is not one of `secret_files`; None if all is well."""
    return next(_problems(configuration, path, secret_files, program), None)


def inline(path: str, file_key: str, program: Program) -> Problem:
    """The problem of a secret in the configuration, which `file_key` reads from a file; empty if no setting does."""
    return Problem(f"{path} is a secret in the configuration", _fix(file_key, program))


def _problems(value: Any, path: str, secret_files: Collection[str], program: Program) -> Iterator[Problem]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _problems_of_entry(str(key), item, f"{path}.{key}" if path else str(key), secret_files, program)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _problems(item, f"{path}[{index}]", secret_files, program)
    elif isinstance(value, str):
        if _URL_WITH_LOGIN.search(value):
            fix = "Remove the login from the URL, and use basic_auth with password_file: secrets/NAME"
            yield Problem(f"{path} is a URL with a login", fix)
        yield from _dangling_file(value, path, secret_files, program)


def _problems_of_entry(
    key: str, value: Any, path: str, secret_files: Collection[str], program: Program
) -> Iterator[Problem]:
    if key in program.named_by_site:
        return
    if (
        key in _SECRET_KEYS
        and value
        and not isinstance(value, Mapping)
        and (key != "key" or path.endswith(_PRIVATE_KEY))
    ):
        fix = _fix_of_aws(program) if key == "secret_key" else _fix(_SECRET_KEYS[key], program)
        yield Problem(f"{path} is a secret in the configuration", fix)
    elif _IN_PAYLOAD.search(path) and _is_secret_of_payload(key, value):
        yield Problem(f"{path} is a secret in the configuration", _fix("", program))
    elif key in ("headers", "http_headers", "proxy_connect_header") and isinstance(value, Mapping):
        yield from _problems_of_headers(value, path, secret_files, program)
    else:
        yield from _problems(value, path, secret_files, program)


def _is_secret_of_payload(key: str, value: Any) -> bool:
    is_text = isinstance(value, str) and key != "key" and _TEMPLATE not in value
    return is_text and secret_values.is_inline(key, value)


def _problems_of_headers(
    headers: Mapping[Any, Any], path: str, secret_files: Collection[str], program: Program
) -> Iterator[Problem]:
    for name, value in headers.items():
        inline = value.get("values") if isinstance(value, Mapping) else value
        texts = inline if isinstance(inline, (list, tuple)) else [inline]
        if inline and (_SECRET_HEADER.search(str(name)) or any(_CREDENTIALS.match(str(text)) for text in texts)):
            form = f"http_headers: {{{name}: {{files: [secrets/NAME]}}}}"
            fix = f"Put it into {program.secret_files}, and write {form}, or authorization"
            yield Problem(f"{path}.{name} is a secret in the configuration", fix)
        else:
            yield from _problems(value, f"{path}.{name}", secret_files, program)


def _fix_of_aws(program: Program) -> str:
    return (
        f"Put a credentials file of AWS into {program.secret_files}, and set AWS_SHARED_CREDENTIALS_FILE"
        f" to /etc/{program.role}/secrets/NAME in {program.role}_environment_extra"
    )


def _fix(file_key: str, program: Program) -> str:
    if not file_key:
        return (
            f"{program.name} has no setting that reads it from a file."
            f" Log in by authorization or basic_auth with a file of {program.secret_files}"
        )
    reference = "[secrets/NAME]" if file_key == "files" else "secrets/NAME"
    return f"Put it into {program.secret_files}, and write {file_key}: {reference}"


def _dangling_file(value: str, path: str, secret_files: Collection[str], program: Program) -> Iterator[Problem]:
    file = re.fullmatch(rf"(?:/etc/{program.role}/)?secrets/(?P<name>.+)", value)
    if file and file["name"] not in secret_files:
        name = file["name"]
        problem = f"{path} names the file secrets/{name}, which {program.secret_files} does not have"
        yield Problem(problem, f"Add {name} to {program.secret_files}")
