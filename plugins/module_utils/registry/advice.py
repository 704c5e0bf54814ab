# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Errors of registries as a person can use them. Pure."""

import json

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.registry_login import Login

_ADVICE = {
    401: "{login} Log in with `docker login {registry}`, or set gpu_monitoring_registry_username.",
    403: "{login} Check that this user may do that.",
    404: "Check the version and the path of the image.",
    413: "A proxy before the registry limits the size of uploads: raise its limit.",
    429: "The registry limits the requests of this address. Log in with `docker login {registry}`, or try again later.",
}
_OTHER = "Run this again, or look into the log of the registry."
_NETWORK = (
    (
        ("certificate", "x509"),
        "Set gpu_monitoring_registry_ca to the certificate of its authority if it is the registry of the site.",
    ),
    (("wrong version number", "record layer"), "If it speaks no TLS, name it in insecure_registries."),
)
_OTHER_NETWORK = "Check the name, and the proxy in the environment (https_proxy, no_proxy)."


def answer_text(status: int, content: bytes) -> str:
    """The answer of a registry in words: the status with the errors in its JSON."""
    try:
        errors = json.loads(content)["errors"]
        said = "; ".join(str(error.get("message") or error["code"]) for error in errors)
    except (ValueError, KeyError, TypeError, AttributeError):
        said = ""
    return f"it answers {status} ({said})" if said else f"it answers {status}"


def refusal(registry: str, repository: str, answer: str, login: Login) -> str:
    """What to do about an answer in words, as sentences."""
    status = next((status for status in _ADVICE if f"answers {status}" in answer), 0)
    text = _ADVICE.get(status, _OTHER).format(registry=registry, login=_asked_with(login))
    return f"{registry}/{repository}: {answer}. {text}"


def unreachable(registry: str, problem: str) -> str:
    """What to do if no answer comes, as sentences."""
    text = next((text for words, text in _NETWORK if any(word in problem.lower() for word in words)), _OTHER_NETWORK)
    return f"{registry}: {problem.rstrip('.')}. {text}"


def _asked_with(login: Login) -> str:
    if login.problem:
        return f"The request had no credentials, as {login.problem}."
    return f"The request had the login of {login.source}." if login.credentials else "The request had no credentials."
