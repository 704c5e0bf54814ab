# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import contextlib
import difflib
import hashlib
import os
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import NamedTuple
from urllib.parse import quote

from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import certificates, private_files

MISSING_PACKAGE = "The controller has no Python package cryptography. Install it beside Ansible, which needs it."


class Days(NamedTuple):
    """For how long certificates are made, and how long before their end they are replaced."""

    valid: int = 365
    renew: int = 30
    ca_valid: int = 3650

    def problem(self, prefix: str = "") -> tuple[str, str, str] | None:
        """The option that is out of range, whose name begins with `prefix`, the problem and the fix; None if all is
        well.
        """
        if not 1 <= self.valid < self.ca_valid:
            fix = f"Set it to 1 or more, and to less than {prefix}ca_valid_days, which is {self.ca_valid}"
            return f"{prefix}valid_days", f"{self.valid} is out of range", fix
        if not 0 <= self.renew < self.valid:
            fix = f"Set it to 0 or more, and to less than {prefix}valid_days, which is {self.valid}"
            return f"{prefix}renew_days", f"{self.renew} is out of range", fix
        return None


class Issued(NamedTuple):
    """The certificate of a host and that of its CA, with what a diff shows if a run made one of them."""

    changed: bool
    host: certificates.Pair
    ca: certificates.Pair
    diff: str


class CertificateFolder:
    """A folder of the controller with a private CA, and below `hosts` the certificates that it signed."""

    def __init__(self, path: str, days: Days, check_mode: bool) -> None:
        self._path, self._days, self._check_mode = path, days, check_mode
        self._now = datetime.now(timezone.utc)
        self._made_ca: certificates.Pair | None = None

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Keeps other processes out of the folder. Raises ValueError with the fix for a folder or a file that cannot be
        used.
        """
        try:
            private_files.check_folder(self._path)
            private_files.check_folder(os.path.join(self._path, "hosts"))
            with contextlib.nullcontext() if self._check_mode else private_files.locked(self._path):
                yield
        except OSError as error:
            where = error.filename or self._path
            raise ValueError(
                f"{where}: {error.strerror}. Give a folder of the controller that you can read and write"
            ) from error

    def reconcile(self, host_name: str, content: certificates.Content) -> Issued:
        """The certificate for a host with this content, in a file named by `host_name`, which may be any text.

        A certificate is made if the present one is missing or no longer good.
        """
        now, days = self._now, self._days
        ca_path, host_path = os.path.join(self._path, "ca"), os.path.join(self._path, "hosts", _file_name(host_name))
        old_ca, old = self._made_ca or _authority(ca_path), _pair(host_path)
        if old_ca is None:
            ca = certificates.new_authority(now, days.ca_valid)
        elif certificates.lasts(old_ca.certificate, now, days.valid):
            ca = old_ca
        else:
            ca = certificates.renewed_authority(old_ca, now, days.ca_valid)
        if old is not None and certificates.is_still_valid(old, ca, content, now, days.renew):
            host = old
        else:
            host = certificates.issued(ca, content, now, days.valid)
        if not self._check_mode:
            if ca is not old_ca:
                _write(ca_path, ca)
            if host is not old:
                os.makedirs(os.path.dirname(host_path), mode=0o700, exist_ok=True)
                _write(host_path, host)
        self._made_ca = ca
        changed = ca is not old_ca or host is not old
        before, after = _described(old, old_ca), _described(host, ca)
        lines = (
            difflib.unified_diff(before, after, f"before: {host_path}.crt", f"after: {host_path}.crt", lineterm="")
            if changed
            else ()
        )
        return Issued(changed, host, ca, "\n".join(lines))


def _file_name(host_name: str) -> str:
    """The name of a host's files, without the suffix. File systems take at most 255 bytes."""
    quoted = quote(host_name, safe=":")
    return quoted if len(quoted) <= 200 else f"{quoted[:150]}-{hashlib.sha256(host_name.encode()).hexdigest()[:16]}"


def _pair(path: str) -> certificates.Pair | None:
    """Certificate and key of a host; None if one is missing, as after a run that was killed between the two."""
    certificate, key = private_files.read(f"{path}.crt", secret=False), private_files.read(f"{path}.key", secret=True)
    if certificate is None or key is None:
        return None
    try:
        return certificates.loaded(certificate, key)
    except ValueError as error:
        raise ValueError(
            f"{path}.crt and {path}.key cannot be used: {error}."
            " Restore them from a backup, or move both away, and the next run makes new ones"
        ) from error


def _authority(path: str) -> certificates.Pair | None:
    """The CA, None if it does not exist yet. A part of it is an error: every client would need to trust another
    one.
    """
    suffixes = [suffix for suffix in ("crt", "key") if os.path.lexists(f"{path}.{suffix}")]
    if len(suffixes) == 1:
        raise ValueError(
            f"{path}.{suffixes[0]} exists without its {'key' if suffixes == ['crt'] else 'certificate'}."
            " Restore that from a backup. Or move the file away:"
            " the next run makes a new CA, which all clients must trust"
        )
    pair = _pair(path)
    if pair and not certificates.is_authority(pair):
        raise ValueError(
            f"{path}.crt was not signed with {path}.key. Restore the right one from a backup, or move both away,"
            " and the next run makes a new CA"
        )
    return pair


def _write(path: str, pair: certificates.Pair) -> None:
    private_files.write(f"{path}.key", certificates.key_pem(pair), secret=True)
    private_files.write(f"{path}.crt", certificates.certificate_pem(pair), secret=False)


def _described(pair: certificates.Pair | None, authority: certificates.Pair | None) -> list[str]:
    """What people see of a certificate and its CA."""
    lines = []
    if pair:
        lines += [
            f"names: {', '.join(str(name.value) for name in certificates.names_of(pair.certificate))}",
            *(["usage: server and client"] if certificates.is_for_clients(pair.certificate) else []),
            f"not after: {certificates.ends(pair.certificate):%Y-%m-%dT%H:%M:%SZ}",
            f"serial: {pair.certificate.serial_number:x}",
        ]
    if authority:
        lines.append(
            f"CA: {authority.certificate.subject.rfc4514_string()}, not after"
            f" {certificates.ends(authority.certificate):%Y-%m-%dT%H:%M:%SZ}"
        )
    return lines
