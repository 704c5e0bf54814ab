# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle import contents, sums, tar
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.errors import BundleError

_OPTIONS = {
    "path": {"type": "path", "required": True},
    "state": {"type": "str", "choices": ["written", "checked"], "default": "written"},
    "tar": {"type": "path", "default": ""},
}


class ActionModule(ActionBase):
    """Writes or checks the SHA-256 of the files of a bundle on the controller; nothing runs on a host."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Whether SHA256SUMS or the tar changed."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(_OPTIONS)
        path, changed = options["path"], False
        try:
            if options["state"] == "checked":
                sums.check(path, contents.files(contents.read(path)))
            elif not self._task.check_mode:
                contents.read(path)
                changed = sums.write(path)
                if options["tar"]:
                    changed = tar.write(path, options["tar"]) or changed
        except BundleError as error:
            raise AnsibleActionFail(str(error)) from None
        except OSError as error:
            raise AnsibleActionFail(f"path: {error.filename or path}: {error.strerror}.") from None
        return {**result, "changed": changed}
