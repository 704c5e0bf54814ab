# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Secrets of Alertmanager: none in the configuration, all needed ones in files, no file without use. Pure; no value is
shown.
"""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import inline_secrets
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.alertmanager_configuration import FOLDER
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.alertmanager_integrations import (
    GLOBAL_SECRETS,
    INTEGRATIONS,
    NTFY_SECRETS,
    SHORT_FORMS,
    Integration,
)
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.alertmanager_receivers import entries
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.inline_secrets import Problem

# Keys below these are names that the site chose.
_PROGRAM = inline_secrets.Program(
    "Alertmanager", "alertmanager", ("attributes", "custom_fields", "details", "labels", "metadata")
)
_NTFY = Integration(NTFY_SECRETS)


def problem_of(
    receivers: Iterable[Mapping[str, Any]], settings: Mapping[str, Any], files: Collection[str], mounts: Collection[str]
) -> tuple[str, Problem] | None:
    """The variable with the first problem of a secret, and the problem; None if all is well.

    `settings` are those of `global`, `files` the names of secret files, `mounts` the folders that the site gives the
    container.
    """
    for place, entry, integration in _places(receivers):
        for problem in _problems(entry, place, integration, settings, files, mounts):
            return "alertmanager_receivers", problem
    for secret in GLOBAL_SECRETS:
        if settings.get(secret):
            return "alertmanager_global", inline_secrets.inline(secret, f"{secret}_file", _PROGRAM)
    other_settings = {name: value for name, value in settings.items() if name not in GLOBAL_SECRETS}
    general = inline_secrets.problem_of(other_settings, files, _PROGRAM) or next(
        _unknown_files(other_settings, "", files, mounts), None
    )
    return ("alertmanager_global", general) if general else None


def _places(receivers: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any], Integration]]:
    """All integrations of the receivers, each with its place."""
    for receiver in receivers:
        for key, value in receiver.items():
            of_integration = _integration(str(key))
            if of_integration:
                for index, entry in enumerate(entries(value)):
                    place = f"{receiver['name']}.{key}" + ("" if isinstance(value, Mapping) else f"[{index}]")
                    yield place, entry, of_integration


def _integration(key: str) -> Integration | None:
    if key == "ntfy":
        return _NTFY
    if key.endswith("_configs"):
        return INTEGRATIONS.get(key[: -len("_configs")], Integration())
    return INTEGRATIONS[SHORT_FORMS[key]] if key in SHORT_FORMS else None


def _problems(
    entry: Mapping[str, Any],
    place: str,
    integration: Integration,
    settings: Mapping[str, Any],
    files: Collection[str],
    mounts: Collection[str],
) -> Iterator[Problem]:
    for secret in integration.secrets:
        if entry.get(secret):
            yield inline_secrets.inline(f"{place}.{secret}", f"{secret}_file", _PROGRAM)
    general = inline_secrets.problem_of(entry, files, _PROGRAM, place)
    if general:
        yield general
    yield from _unknown_files(entry, place, files, mounts)
    yield from _missing(entry, place, integration, settings)


def _missing(
    entry: Mapping[str, Any], place: str, integration: Integration, settings: Mapping[str, Any]
) -> Iterator[Problem]:
    if integration is INTEGRATIONS["email"]:
        yield from _missing_of_email(entry, place, settings)
    http_config = entry.get("http_config")
    if integration.authorization and isinstance(http_config, Mapping) and http_config.get("authorization"):
        return
    kind = next((name for name, known in INTEGRATIONS.items() if known is integration), "")
    for group in integration.needs:
        keys = [f"{secret}_file" for secret in group]
        shared = [f"{kind}_{key}" for key in keys] if integration.shared else []
        if not any(entry.get(key) for key in keys) and not any(settings.get(key) for key in shared):
            yield Problem(
                f"{place} has no {' or '.join(keys)}",
                f"Put the secret into alertmanager_secret_files, and write {keys[0]}: secrets/NAME",
            )


def _missing_of_email(entry: Mapping[str, Any], place: str, settings: Mapping[str, Any]) -> Iterator[Problem]:
    user = entry.get("auth_username") or settings.get("smtp_auth_username")
    given = [
        entry.get(f"{secret}_file") or settings.get(f"smtp_{secret}_file")
        for secret in ("auth_password", "auth_secret")
    ]
    if user and not any(given):
        fix = "Put the password into alertmanager_secret_files, and write auth_password_file: secrets/NAME"
        yield Problem(f"{place} has a user and no auth_password_file", fix)


def _unknown_files(value: Any, path: str, files: Collection[str], mounts: Collection[str]) -> Iterator[Problem]:
    """Files that the container does not have. Those written as secrets/NAME are looked at with the inline secrets."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            place = f"{path}.{key}" if path else str(key)
            if str(key).endswith("_file") and isinstance(item, str) and not _is_there(str(key), item, mounts):
                fix = f"Write {key}: secrets/{item}"
                if item not in files:
                    fix = f"Put its content into alertmanager_secret_files, and write {key}: secrets/NAME"
                # A text that is not a path may be the secret itself.
                file = f"the file {item}, which" if os.path.isabs(item) else "a file that"
                yield Problem(f"{place} names {file} the container does not have", fix)
            else:
                yield from _unknown_files(item, place, files, mounts)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _unknown_files(item, f"{path}[{index}]", files, mounts)


def _is_there(key: str, path: str, mounts: Collection[str]) -> bool:
    """Whether a path is one of a secret file, of a mount, or of the image, where only authorities are."""
    if path.removeprefix(f"{FOLDER}/").startswith("secrets/"):
        return True
    if not os.path.isabs(path) or path.startswith(f"{FOLDER}/"):
        return False
    return key == "ca_file" or any(path == mount or path.startswith(f"{mount.rstrip('/')}/") for mount in mounts)
