# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import base64
import ctypes
import ctypes.util
import hashlib
import string
from typing import Any

from ansible.errors import AnsibleError, AnsibleFilterError
from ansible.utils.encrypt import do_encrypt

# Prefix, rounds and Ansible's name of each algorithm. One thousand rounds of SHA-512, the least, take a millisecond:
# nginx makes the hash at each request.
_ALGORITHMS = {"bcrypt": ("$2b$10$", 10, "bcrypt"), "sha512": ("$6$rounds=1000$", 1000, "sha512_crypt")}
_CONTEXT = "mlops.gpu_monitoring.web_password_hash"
_ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits
_TO_BCRYPT = str.maketrans(f"{_ALPHABET}+/", f"./{_ALPHABET}")


def web_password_hash(password: Any, user: str, algorithm: str = "bcrypt") -> str:
    """The hash of a user's password, the same in every run: `bcrypt` for `basic_auth_users` of Prometheus'
    exporter-toolkit, `sha512` for htpasswd files.

    ansible-core 2.19 hashes nothing without passlib, and later versions change a given salt. The controller's C library
    gives the same hash with all versions. Sources:
    https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md,
    https://manpages.debian.org/crypt.5
    """
    text = str(password)
    if not text or "\0" in text or len(text.encode()) > 72:
        raise AnsibleFilterError(
            f"The password of {user} is empty, has a null character or more than the 72 bytes that bcrypt reads."
            " Set another one."
        )
    if text != text.strip():
        raise AnsibleFilterError(
            f"The password of {user} begins or ends with white space, which is lost if it is read"
            " from a file. Remove the white space."
        )
    if algorithm not in _ALGORITHMS:
        raise AnsibleFilterError(f"algorithm: there is no '{algorithm}'. Set {' or '.join(_ALGORITHMS)}.")
    prefix, rounds, name = _ALGORITHMS[algorithm]
    salt = _salt(user) if algorithm == "bcrypt" else _salt(user)[:16]
    try:
        return _libcrypt(text, prefix + salt) or do_encrypt(text, name, salt=salt, rounds=rounds)
    except AnsibleError as error:
        raise AnsibleFilterError(
            f"The controller cannot make a {algorithm} hash."
            " Install libxcrypt there, or the Python packages passlib and bcrypt<5 beside Ansible."
        ) from error


def _salt(user: str) -> str:
    """16 bytes as bcrypt writes them.

    The salt is not random, so a second run writes the same file. The salt does not depend on the password: everybody
    can read a salt, and could compare guesses with it without the cost of bcrypt.
    """
    digest = hashlib.sha256(f"{_CONTEXT}\0{user}".encode()).digest()
    return base64.b64encode(digest[:16]).decode().rstrip("=").translate(_TO_BCRYPT)


def _libcrypt(password: str, setting: str) -> str:
    """The hash by crypt(3), empty if the C library has none or does not know bcrypt."""
    try:
        crypt = ctypes.CDLL(ctypes.util.find_library("crypt")).crypt
    except (AttributeError, OSError):
        return ""
    crypt.argtypes, crypt.restype = [ctypes.c_char_p, ctypes.c_char_p], ctypes.c_char_p
    hashed = (crypt(password.encode(), setting.encode()) or b"").decode()
    return hashed if hashed.startswith(setting) else ""
