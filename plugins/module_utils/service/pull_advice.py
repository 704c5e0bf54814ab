# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""What to do if an image cannot be pulled, from what the engine says."""

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.registry_login import Login, registry_of

_MIRROR = "set gpu_monitoring_registry or gpu_monitoring_registries to a registry that this host reaches"
_PROXY = "docker_engine_https_proxy"
# The first entry counts of which a word is in what the engine says. {registry} is that of the image, {login} says with
# what the registry was asked.
_ADVICE = (
    (
        ("no space left", "disk quota exceeded"),
        "The disk with the engine's data is full. Free space on it, for example with `docker image prune`.",
    ),
    (
        ("toomanyrequests", "too many requests", "rate limit"),
        "{registry} limits the pulls of an address. Wait, log in (gpu_monitoring_registry_username), or"
        " set gpu_monitoring_registry or gpu_monitoring_registries to a registry without a limit.",
    ),
    (
        ("proxyconnect", "proxy authentication"),
        "The proxy of the Docker engine does not let the pull pass. `docker info` shows the proxy, and"
        f" {_PROXY} sets another one. Name {{registry}} in docker_engine_no_proxy if it is reached without a proxy.",
    ),
    (
        # Words of registries that miss a login, or refuse the one they got.
        ("unauthorized", "denied", "authentication", "no basic auth"),
        "{login} Registries say the same of an image that they do not have: check the version and the path.",
    ),
    (
        ("x509", "certificate"),
        "The Docker engine does not trust the certificate of {registry}. Set gpu_monitoring_registry_ca to the"
        " certificate of its authority. If that is known, check the clock of this host and"
        " the name in the certificate.",
    ),
    (
        ("http response to https client",),
        '{registry} speaks no TLS. Give it a certificate, or name it in "insecure-registries" in daemon.json.',
    ),
    (
        ("no such host", "name resolution", "server misbehaving", "lookup "),
        f"This host cannot resolve {{registry}}. Fix its DNS, {_MIRROR}, or set {_PROXY} if a proxy resolves names.",
    ),
    (
        (
            "timeout",
            "timed out",
            "deadline exceeded",
            "refused",
            "unreachable",
            "no route",
            "reset by peer",
            "did not pull",
        ),
        f"This host does not reach {{registry}}. Allow the connection, {_MIRROR}, or set {_PROXY} if there is a proxy.",
    ),
    (
        ("manifest unknown", "not found", "does not exist"),
        "Check the version, and that the registry has the image under this path:"
        " gpu_monitoring_registry and gpu_monitoring_registries decide on the registry.",
    ),
)
_OTHER = f"Check the version and that this host reaches the registry, or {_MIRROR}."


def advice(reference: str, login: Login, refusal: str) -> str:
    """What to do about the refusal of a pull, as sentences."""
    said = refusal.lower()
    text = next((text for words, text in _ADVICE if any(word in said for word in words)), _OTHER)
    if login.problem and "{login}" not in text:
        text += " {login}"
    return text.format(registry=registry_of(reference), login=_asked_with(login))


def _asked_with(login: Login) -> str:
    if login.problem:
        return f"It was asked without credentials, as {login.problem}."
    if login.credentials:
        return f"It was asked with the login of {login.source}."
    return (
        "It was asked without credentials: set gpu_monitoring_registry_username and gpu_monitoring_registry_password,"
        " or run `docker login` as root on this host."
    )
