# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The toolkit of a site: versions and key that the role's variables make for the hosts of the inventory."""

import os
import re
from collections.abc import Callable
from typing import NamedTuple

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import openpgp, openpgp_file
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.listed import Missing
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.repository_server import RepositoryServer
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import HostVariables, VariableError

_ROLE = "nvidia_container_toolkit"
_KEY = f"{_ROLE}_key"
_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+\S*")


class Wanted(NamedTuple):
    """Versions of the packages, none if no host gets the toolkit, and a key as a URL, a path or text."""

    versions: list[str]
    key: str
    fingerprint: str


def wanted(variables: HostVariables) -> Wanted:
    """What the variables of the GPU hosts ask for. Raises ValueError."""
    variables.use_defaults("common", _ROLE)
    versions: set[str] = set()
    keys: dict[tuple[str, str], str] = {}
    for host in variables.in_groups("gpu_hosts"):
        absent = variables.get(host, f"{_ROLE}_state") == "absent"
        if absent or not variables.is_true(host, f"{_ROLE}_enabled"):
            continue
        version = variables.get(host, f"{_ROLE}_version") or variables.get(host, f"{_ROLE}_default_version")
        if not _VERSION.fullmatch(str(version)):
            raise VariableError(f"{_ROLE}_version", host, f"'{version}' is not valid", "Write it like '1.20.1'")
        versions.add(str(version))
        fingerprint = _fingerprint(variables, host)
        keys.setdefault((str(variables.get(host, _KEY)), fingerprint), host)
    if len(keys) > 1:
        raise ValueError(
            f"{_KEY} on {', '.join(keys.values())}: the values differ, and a bundle has one key. Make a bundle for each"
            " of them, with an inventory that has only these hosts."
        )
    key, fingerprint = next(iter(keys), ("", ""))
    return Wanted(sorted(versions), key, fingerprint)


def _fingerprint(variables: HostVariables, host: str) -> str:
    name = f"{_KEY}_fingerprint"
    text = str(variables.get(host, name))
    try:
        return openpgp.fingerprint(text)
    except ValueError as error:
        problem, _end, fix = str(error).partition(". ")
        raise VariableError(name, host, problem, fix) from error


def key(asked: Wanted, server: Callable[[str, str], RepositoryServer]) -> str:
    """The key, armoured and alone. `server` gives the server of an option with its URL. Raises BundleError."""
    source = asked.key.strip()
    try:
        if openpgp_file.is_url(source):
            folder, _slash, name = source.rpartition("/")
            connected = server(_KEY, folder)
            try:
                return openpgp_file.alone(connected.read(name).decode("utf-8", "replace"), source, asked.fingerprint)
            finally:
                connected.close()
        if "-----BEGIN PGP" in source:
            return openpgp_file.alone(source, "the given text", asked.fingerprint)
        with open(os.path.expanduser(source), encoding="utf-8", errors="replace") as file:
            return openpgp_file.alone(file.read(), source, asked.fingerprint)
    except Missing as error:
        raise BundleError(f"{_KEY}: {source} is missing on its server. Correct the URL.") from error
    except OSError as error:
        raise BundleError(
            f"{_KEY}: {source} cannot be read: {error.strerror}. Give a URL, the whole path of a file, or text."
        ) from error
    except ValueError as error:
        raise BundleError(f"{_KEY}: {str(error).partition('key: ')[2]}") from error
