# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""With what a registry is asked for an image: a given login, or that of `docker login`."""

import base64
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError

# Options of the modules that pull images. AnsibleModule takes them as they are.
OPTIONS: dict[str, dict[str, Any]] = {
    "registry": {"type": "str", "default": ""},
    "registry_username": {"type": "str", "default": ""},
    "registry_password": {"type": "str", "default": "", "no_log": True},
    "registry_ca": {"type": "str", "default": ""},
    "mirrors": {"type": "list", "elements": "str", "default": []},
}
DOCKER_HUB = "docker.io"
# Under these keys, `docker login` keeps what it knows of Docker Hub.
_DOCKER_HUB_KEYS = ("https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io")
_IDENTITY_TOKEN_USER = "<token>"
_NO_CREDENTIALS = "credentials not found"
HELPER_SECONDS = 30
# Ansible's become may set a PATH without these folders.
_HELPER_FOLDERS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/snap/bin")


@dataclass(frozen=True)
class Login:
    """What is sent with a pull. `source` says where it comes from; `problem` says why a declared login is missing."""

    source: str = ""
    problem: str = ""
    credentials: dict[str, str] = field(default_factory=dict, repr=False)

    def headers(self) -> dict[str, str]:
        """The header of the request that pulls an image."""
        if not self.credentials:
            return {}
        encoded = base64.urlsafe_b64encode(json.dumps(self.credentials).encode())
        return {"X-Registry-Auth": encoded.decode()}


@dataclass(frozen=True)
class GivenLogin:
    """A user of one registry, as options name it. The registry is empty for Docker Hub."""

    registry: str
    username: str
    password: str = field(repr=False)


def given(options: Mapping[str, Any]) -> Optional[GivenLogin]:
    """The login that OPTIONS name; None if they name none."""
    username, password = options["registry_username"], options["registry_password"]
    if bool(username) != bool(password):
        missing, other = ("password", "username") if username else ("username", "password")
        raise ServiceError(
            f"registry_{missing}: it is empty, but registry_{other} is set."
            " Set both (gpu_monitoring_registry_username and gpu_monitoring_registry_password), or neither."
        )
    if not username:
        return None
    registries = mirrors(options)
    if not options["registry"] and len(registries) > 1:
        raise ServiceError(
            f"registry_username: the mirrors are of several registries ({', '.join(registries)}), and one login is not"
            " sent to all. Set gpu_monitoring_registry to the registry that the user is of, and run `docker login` as"
            " root on the hosts for the others."
        )
    return GivenLogin(options["registry"] or "".join(registries), username, password)


def mirrors(options: Mapping[str, Any]) -> list[str]:
    """The registries that OPTIONS name instead of the upstream ones, each once."""
    names = [options["registry"], *options["mirrors"]]
    return list(dict.fromkeys(_normal(name) for name in names if name))


def registry_of(reference: str) -> str:
    """The registry of an image reference, as Docker reads it."""
    first, slash, _rest = reference.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return _normal(first)
    return DOCKER_HUB


def login_for(reference: str, login: Optional[GivenLogin], config_path: str = "") -> Login:
    """The login for the registry of an image: the given one if it is for it, else that of Docker's config.json."""
    registry = registry_of(reference)
    if login is not None and _normal(login.registry or DOCKER_HUB) == registry:
        return Login("registry_username and registry_password", "", _basic(registry, login.username, login.password))
    path = config_path or os.path.join(os.path.expanduser("~"), ".docker", "config.json")
    try:
        with open(path, encoding="utf-8") as file:
            config = json.load(file)
        return _of_config(registry, config, path)
    except FileNotFoundError:
        return Login()
    except OSError as error:
        return Login(problem=f"{path} cannot be read: {error.strerror}")
    except (ValueError, TypeError, AttributeError, KeyError):
        return Login(problem=f"{path} is not a configuration of Docker")


def _of_config(registry: str, config: dict[str, Any], path: str) -> Login:
    helpers = {_normal(key): name for key, name in (config.get("credHelpers") or {}).items()}
    helper = helpers.get(registry) or config.get("credsStore")
    asked = _asked(helper, registry, path) if helper else Login()
    if asked.credentials:
        return asked
    for key, entry in (config.get("auths") or {}).items():
        if _normal(key) == registry:
            credentials = _of_entry(registry, entry)
            if credentials:
                return Login(path, "", credentials)
    return asked


def _of_entry(registry: str, entry: dict[str, str]) -> dict[str, str]:
    """The credentials of an entry of `auths`; none if a helper keeps them."""
    if entry.get("identitytoken"):
        return {"serveraddress": _address(registry), "identitytoken": entry["identitytoken"]}
    if entry.get("registrytoken"):
        return {"serveraddress": _address(registry), "registrytoken": entry["registrytoken"]}
    if entry.get("auth"):
        username, _colon, password = base64.b64decode(entry["auth"], validate=True).decode("utf-8").partition(":")
        # Docker itself wrote zero bytes behind passwords once, and cuts them off.
        return _basic(registry, username, password.rstrip("\0"))
    if entry.get("username"):
        return _basic(registry, entry["username"], entry.get("password", ""))
    return {}


def _asked(helper: str, registry: str, path: str) -> Login:
    """What a credential helper answers (https://github.com/docker/docker-credential-helpers)."""
    program = f"docker-credential-{helper}"
    where = f"{program}, named in {path},"
    folders = [*os.environ.get("PATH", "").split(os.pathsep), *_HELPER_FOLDERS]
    environment = {**os.environ, "PATH": os.pathsep.join(dict.fromkeys(folders))}
    try:
        # AnsibleModule.run_command has no time-out.
        answer = subprocess.run(  # pylint: disable=ansible-bad-function
            [program, "get"],
            input=_address(registry).encode(),
            capture_output=True,
            env=environment,
            timeout=HELPER_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        return Login(problem=f"{where} is not installed, or not in a folder of PATH")
    except subprocess.TimeoutExpired:
        return Login(problem=f"{where} gave no answer within {HELPER_SECONDS} s")
    except OSError as error:
        return Login(problem=f"{where} cannot be run: {error.strerror}")
    said = answer.stdout.decode("utf-8", "replace").strip()
    if answer.returncode:
        if _NO_CREDENTIALS in said:
            return Login()
        said = (said or answer.stderr.decode("utf-8", "replace").strip())[:300]
        return Login(problem=f"{where} ended with {answer.returncode}: {said or 'it said nothing'}")
    try:
        answered = json.loads(said)
        username, secret = answered["Username"], answered["Secret"]
    except (ValueError, TypeError, KeyError):
        return Login(problem=f"{where} answered without credentials")
    if not secret:
        return Login()
    if username == _IDENTITY_TOKEN_USER:
        return Login(program, "", {"serveraddress": _address(registry), "identitytoken": secret})
    return Login(program, "", _basic(registry, username, secret))


def _basic(registry: str, username: str, password: str) -> dict[str, str]:
    return {"serveraddress": _address(registry), "username": username, "password": password}


def _address(registry: str) -> str:
    return _DOCKER_HUB_KEYS[0] if registry == DOCKER_HUB else registry


def _normal(key: str) -> str:
    """The registry of a key of config.json, which may be a URL."""
    if key in _DOCKER_HUB_KEYS:
        return DOCKER_HUB
    host = key.partition("://")[2] or key
    host = host.partition("/")[0].lower()
    return DOCKER_HUB if host in _DOCKER_HUB_KEYS else host
