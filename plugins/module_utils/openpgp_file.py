# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import fetch_url
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import openpgp


def is_url(key: str) -> bool:
    """Whether a key is given as the URL from which the host fetches it."""
    return key.startswith(("http://", "https://"))


def armored(module: AnsibleModule, key: str, wanted: str, timeout: int) -> str:
    """The key with this fingerprint, from a URL or from text. Raises ValueError if it is not that key alone."""
    if is_url(key):
        return alone(_fetched(module, key, timeout), key, wanted)
    return alone(key, "the given text", wanted)


def alone(text: str, source: str, wanted: str) -> str:
    """The key with this fingerprint in a text. Raises ValueError, with the name of the text, for any other content."""
    try:
        keys = openpgp.keys(text)
    except ValueError as error:
        raise ValueError(f"key: {source} holds no OpenPGP key: {error}.") from error
    if list(keys) != [wanted]:
        raise ValueError(
            f"key: {source} holds the key {', '.join(keys) or 'none'}, not only {wanted}."
            " If the repository has a new key that you trust, set fingerprint to it."
        )
    return keys[wanted]


def _fetched(module: AnsibleModule, url: str, timeout: int) -> str:
    """The answer's text. Raises OSError if there is no answer."""
    response, info = fetch_url(module, url, timeout=timeout)
    if info["status"] != 200:
        raise OSError(
            f"key: {url} cannot be fetched: {info['msg']}. Check that this host reaches it, or give the key itself."
        )
    content: bytes = response.read()
    return content.decode(errors="replace")
