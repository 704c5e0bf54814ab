# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

from ansible.errors import AnsibleFilterError

try:
    from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import certificates
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
except ImportError as error:
    # ansible-core brings it along; ansible-test's import test has nothing but the standard library.
    MISSING = str(error)
else:
    MISSING = ""


def certificate_problem(certificate: str, private_key: str, names: Sequence[str]) -> str:
    """What stands against a server using this certificate with this key under these names, in one sentence; empty if
    nothing does.
    """
    if MISSING:
        raise AnsibleFilterError(
            f"The Python package cryptography, on which ansible-core depends, is missing on the controller: {MISSING}."
        )
    try:
        leaf = x509.load_pem_x509_certificate(str(certificate).encode())
    except ValueError:
        return "the certificate is not PEM text that can be read"
    try:
        key = load_pem_private_key(str(private_key).encode(), password=None)
    except TypeError:
        return "the key has a passphrase, which no service could give"
    except ValueError:
        return "the key is not PEM text that can be read"
    if leaf.public_key() != key.public_key():
        return "the key is not that of the certificate, which must be the first of the text"
    if not certificates.lasts(leaf, datetime.now(timezone.utc), 0):
        return (
            f"the certificate is valid from {certificates.begins(leaf):%Y-%m-%d} to {certificates.ends(leaf):%Y-%m-%d}"
        )
    valid_names = certificates.names_of(leaf)
    missing = [name for name in names if certificates.general_name(name) not in valid_names]
    return f"the certificate is not for {', '.join(missing)}" if missing else ""
