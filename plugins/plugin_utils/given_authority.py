# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from datetime import datetime, timedelta, timezone

from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import certificates
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.certificate_folder import Days

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class GivenAuthority:
    """An authority whose certificate and key are variables. Its certificates are derived, so none is stored.

    Key, serial number and signature follow from the authority's key, the host, its names and a period of time. Each run
    in the period makes the same certificate, on any controller.
    """

    def __init__(self, certificate: str, key: str, days: Days, now: datetime) -> None:
        """Raises ValueError for an authority that cannot be used."""
        self._chain = certificates.certificates_of(certificate)
        if not self._chain:
            raise ValueError("tls_ca_certificate is not PEM text of a certificate")
        self._authority = certificates.Authority(self._chain[0], certificates.authority_key(key))
        problem = certificates.authority_problem(self._authority, now)
        if problem:
            raise ValueError(problem)
        # A period ends if a certificate has so many days left that it is replaced.
        period = timedelta(days=days.valid - days.renew)
        self._begin = now - (now - _EPOCH) % period
        self._end = min(
            self._begin + timedelta(days=days.valid), certificates.ends(self._chain[0]).replace(microsecond=0)
        )

    def certificate(self, host: str, content: certificates.Content) -> tuple[str, str]:
        """The certificate of a host, with those of intermediate authorities after it, and its key, as PEM."""
        pair = certificates.derived(self._authority, host, content, self._begin, self._end)
        intermediates = [certificate for certificate in self._chain if certificate.issuer != certificate.subject]
        texts = [certificates.certificate_pem(pair), *(certificates.pem(certificate) for certificate in intermediates)]
        return b"".join(texts).decode(), certificates.key_pem(pair).decode()
