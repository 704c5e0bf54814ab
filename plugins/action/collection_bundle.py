# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle import contents, layout
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.collection import VERSION
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import collection_archive


class ActionModule(ActionBase):
    """Puts the archive of this collection into a bundle on the controller; nothing runs on a host."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The path of the archive."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec({"path": {"type": "path", "required": True}})
        path = options["path"]
        if self._task.check_mode:
            return {**result, "changed": False}
        try:
            contents.begin(path, VERSION)
            folder = os.path.join(path, layout.COLLECTION)
            archive, changed = collection_archive.write(collection_archive.INSTALLED, folder)
        except BundleError as error:
            raise AnsibleActionFail(str(error)) from None
        except OSError as error:
            problem = f"{error.filename or path}: {error.strerror}"
            raise AnsibleActionFail(f"path: {problem}. Name a folder of the controller with enough room.") from None
        return {**result, "changed": changed, "archive": archive}
