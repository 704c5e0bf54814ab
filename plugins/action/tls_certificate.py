# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import certificate_folder, certificates

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
            raise AnsibleActionFail(certificate_folder.MISSING_PACKAGE) from certificates.MISSING
        _validation, options = self.validate_argument_spec(_OPTIONS)
        given = options["name"] if options["name"] is not None else (task_vars or {})["inventory_hostname"]
        names = [_name("name", given), *(_name("alternative_names", name) for name in options["alternative_names"])]
        days = certificate_folder.Days(options["valid_days"], options["renew_days"], options["ca_valid_days"])
        out_of_range = days.problem()
        if out_of_range:
            raise AnsibleActionFail("{}: {}. {}.".format(*out_of_range))
        folder = certificate_folder.CertificateFolder(
            self._loader.path_dwim(options["folder"]), days, self._task.check_mode
        )
        try:
            with folder.opened():
                issued = folder.reconcile(str(names[0].value), certificates.Content(names))
        except ValueError as error:
            raise AnsibleActionFail(f"folder: {error}.") from error
        if self._task.diff and issued.changed:
            # Ansible shows no diff of a result that it must not log.
            self._display.display(issued.diff)
        return {
            **result,
            "changed": issued.changed,
            "certificate": certificates.certificate_pem(issued.host).decode(),
            "private_key": certificates.key_pem(issued.host).decode(),
            "ca": certificates.certificate_pem(issued.ca).decode(),
            "not_after": f"{certificates.ends(issued.host.certificate):%Y-%m-%dT%H:%M:%SZ}",
            "_ansible_no_log": True,
        }


def _name(option: str, text: str) -> x509.GeneralName:
    try:
        return certificates.general_name(text)
    except ValueError as error:
        raise AnsibleActionFail(
            f"{option}: {error}. Write it like gpu1.example.org, gpu_1, 192.0.2.11 or 2001:db8::11."
        ) from error
