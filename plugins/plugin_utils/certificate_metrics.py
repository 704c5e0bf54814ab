# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import certificates

_NAME = "gpu_monitoring_certificate_expiry_timestamp_seconds"
_HELP = "End of a certificate that the services of this host have, as it was deployed."


def text(certificate: str, authorities: str) -> str:
    """The ends of a host's certificates, in the text format of Prometheus.

    The label `kind` is `server`, `intermediate` or `ca`. Of several with one subject the first to end counts, and the
    last of authorities.
    """
    ends: dict[tuple[str, str], float] = {}
    for position, entry in enumerate(certificates.certificates_of(certificate)):
        key = ("intermediate" if position else "server", entry.subject.rfc4514_string())
        end = certificates.ends(entry).timestamp()
        ends[key] = min(end, ends.get(key, end))
    for entry in certificates.certificates_of(authorities):
        key = ("ca", entry.subject.rfc4514_string())
        ends[key] = max(certificates.ends(entry).timestamp(), ends.get(key, 0))
    lines = [
        f'{_NAME}{{kind="{kind}",subject="{_escaped(subject)}"}} {end:.0f}' for (kind, subject), end in ends.items()
    ]
    return "\n".join([f"# HELP {_NAME} {_HELP}", f"# TYPE {_NAME} gauge", *lines, ""])


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
