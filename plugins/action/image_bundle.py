# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle import contents, image_layout
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.download import ImageDownload
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.collection import VERSION
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.errors import RegistryError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import registry_access, site_images
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import HostVariables

_OPTIONS = {
    **registry_access.OPTIONS,
    "path": {"type": "path", "required": True},
    "platforms": {"type": "list", "elements": "str", "default": ["linux/amd64"]},
}


class ActionModule(ActionBase):
    """Fetches the images of the inventory's hosts into a bundle on the controller; nothing runs on a host."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The images of the bundle."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(_OPTIONS)
        variables = HostVariables(self._loader, task_vars or {}, self._task.get_play(), self._task)
        path = options["path"]
        try:
            references = list(dict.fromkeys(image.upstream for image in site_images.images(variables)))
            if self._task.check_mode:
                return {**result, "changed": False, "images": [{"reference": reference} for reference in references]}
            return {**result, **self._fetch(path, references, options)}
        except (BundleError, RegistryError, ServiceError, ValueError) as error:
            raise AnsibleActionFail(str(error)) from None
        except OSError as error:
            problem = f"{error.filename or path}: {error.strerror}"
            raise AnsibleActionFail(f"path: {problem}. Name a folder of the controller with enough room.") from None

    def _fetch(self, path: str, references: list[str], options: dict[str, Any]) -> dict[str, Any]:
        before = contents.begin(path, VERSION)
        with registry_access.registries(options, self._display.display) as registry:
            download = ImageDownload(path, options["platforms"], registry, self._display.display)
            images = [download.fetch(reference) for reference in references]
        image_layout.write(path, images)
        after = contents.update(path, VERSION, images=images, platforms=options["platforms"])
        return {"changed": before != after, "images": images, "fetched_bytes": download.fetched}
