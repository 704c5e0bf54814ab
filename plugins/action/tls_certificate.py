# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import contextlib
import difflib
import os
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import certificates, private_files

if TYPE_CHECKING:
    from cryptography import x509

_OPTIONS = {
    "folder": {"type": "path", "default": "~/.config/gpu_monitoring/ca"},
    "name": {"type": "str"},
    "alternative_names": {"type": "list", "elements": "str", "default": []},
    "valid_days": {"type": "int", "default": 365},
    "renew_days": {"type": "int", "default": 30},
    "ca_valid_days": {"type": "int", "default": 3650},
}


class ActionModule(ActionBase):
    """Makes and keeps certificates on the controller; nothing runs on the host."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The certificate of one host."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        if certificates.MISSING:
            raise AnsibleActionFail("The controller has no Python package cryptography. Install it beside Ansible, which needs it.") from certificates.MISSING
        _validation, options = self.validate_argument_spec(_OPTIONS)
        _check_days(**{name: options[name] for name in ("valid_days", "renew_days", "ca_valid_days")})
        given = options["name"] if options["name"] is not None else (task_vars or {})["inventory_hostname"]
        names = [_name("name", given), *(_name("alternative_names", name) for name in options["alternative_names"])]
        folder = self._loader.path_dwim(options["folder"])
        with _explained(folder):
            private_files.check_folder(folder)
            private_files.check_folder(os.path.join(folder, "hosts"))
            with contextlib.nullcontext() if self._task.check_mode else private_files.locked(folder):
                result.update(self._reconcile(folder, names, options))
        return result

    def _reconcile(self, folder: str, names: list[x509.GeneralName], options: dict[str, Any]) -> dict[str, Any]:
        now = datetime.now(timezone.utc)
        ca_path, host_path = os.path.join(folder, "ca"), os.path.join(folder, "hosts", str(names[0].value))
        old_ca, old = _authority(ca_path), _pair(host_path)
        if old_ca is None:
            ca = certificates.new_authority(now, options["ca_valid_days"])
        elif certificates.lasts(old_ca.certificate, now, options["valid_days"]):
            ca = old_ca
        else:
            ca = certificates.renewed_authority(old_ca, now, options["ca_valid_days"])
        if old is not None and certificates.still_good(old, ca, names, now, options["renew_days"]):
            host = old
        else:
            host = certificates.issued(ca, names, now, options["valid_days"])
        if not self._task.check_mode:
            if ca is not old_ca:
                _write(ca_path, ca)
            if host is not old:
                os.makedirs(os.path.dirname(host_path), mode=0o700, exist_ok=True)
                _write(host_path, host)
        changed = ca is not old_ca or host is not old
        if self._task.diff and changed:
            # Ansible shows no diff of a result that it must not log.
            before, after = _described(old, old_ca), _described(host, ca)
            self._display.display("\n".join(difflib.unified_diff(before, after, f"before: {host_path}.crt", f"after: {host_path}.crt", lineterm="")))
        return {
            "changed": changed,
            "certificate": certificates.certificate_pem(host).decode(),
            "private_key": certificates.key_pem(host).decode(),
            "ca": certificates.certificate_pem(ca).decode(),
            "not_after": f"{certificates.ends(host.certificate):%Y-%m-%dT%H:%M:%SZ}",
            "_ansible_no_log": True,
        }


def _check_days(valid_days: int, renew_days: int, ca_valid_days: int) -> None:
    if not 1 <= valid_days < ca_valid_days:
        raise AnsibleActionFail(f"valid_days: {valid_days} is out of range. Set it to 1 or more, and to less than ca_valid_days, which is {ca_valid_days}.")
    if not 0 <= renew_days < valid_days:
        raise AnsibleActionFail(f"renew_days: {renew_days} is out of range. Set it to 0 or more, and to less than valid_days, which is {valid_days}.")


def _name(option: str, text: str) -> x509.GeneralName:
    try:
        return certificates.general_name(text)
    except ValueError as error:
        raise AnsibleActionFail(f"{option}: {error}. Write it like gpu1.example.org, gpu_1, 192.0.2.11 or 2001:db8::11.") from error


@contextlib.contextmanager
def _explained(folder: str) -> Iterator[None]:
    """Turns what is wrong with the files into the error of the task."""
    try:
        yield
    except ValueError as error:
        raise AnsibleActionFail(f"folder: {error}.") from error
    except OSError as error:
        where = error.filename or folder
        raise AnsibleActionFail(f"folder: {where}: {error.strerror}. Give a folder of the controller that you can read and write.") from error


def _pair(path: str) -> certificates.Pair | None:
    """Certificate and key of a host; None where one is missing, as after a run that was killed between the two."""
    certificate, key = private_files.read(f"{path}.crt", secret=False), private_files.read(f"{path}.key", secret=True)
    if certificate is None or key is None:
        return None
    try:
        return certificates.loaded(certificate, key)
    except ValueError as error:
        raise ValueError(f"{path}.crt and {path}.key cannot be used: {error}. Put them back from a backup, or move both away to have new ones made") from error


def _authority(path: str) -> certificates.Pair | None:
    """The CA, None where it is still to be made. A part of it is an error: every client would have to trust another one."""
    there = [suffix for suffix in ("crt", "key") if os.path.lexists(f"{path}.{suffix}")]
    if len(there) == 1:
        raise ValueError(
            f"{path}.{there[0]} is there without its {'key' if there == ['crt'] else 'certificate'}."
            " Put that back from a backup, or move the file away to have a new CA made, which all clients then have to trust"
        )
    pair = _pair(path)
    if pair and not certificates.is_authority(pair):
        raise ValueError(f"{path}.crt was not signed with {path}.key. Put the right one back from a backup, or move both away to have a new CA made")
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
            f"not after: {certificates.ends(pair.certificate):%Y-%m-%dT%H:%M:%SZ}",
            f"serial: {pair.certificate.serial_number:x}",
        ]
    if authority:
        lines.append(f"CA: {authority.certificate.subject.rfc4514_string()}, not after {certificates.ends(authority.certificate):%Y-%m-%dT%H:%M:%SZ}")
    return lines
