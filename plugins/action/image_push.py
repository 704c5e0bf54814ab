# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle import contents, push
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.errors import RegistryError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.reference import parse
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import (
    bundle_controller,
    bundled_images,
    registry_access,
    site_images,
)
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.bundled_images import WantedImage
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import HostVariables

_OPTIONS = {
    **registry_access.OPTIONS,
    "path": {"type": "path", "required": True},
    "hosts": {"type": "list", "elements": "str", "default": []},
}


class ActionModule(ActionBase):
    """Pushes the images of a bundle into the registries of the site from the controller; nothing runs on a host."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """What became of each image."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(_OPTIONS)
        variables = HostVariables(self._loader, task_vars or {}, self._task.get_play(), self._task)
        try:
            bundle = contents.read(options["path"])
            # group_by gives hosts in the order in which they came, and messages name them in that of the inventory.
            hosts = [host for host in variables.in_groups("gpu_hosts", "monitoring") if host in options["hosts"]]
            images = site_images.images(variables, hosts)
            wanted = bundled_images.wanted(options["path"], bundle, images)
            mirrored = [image for image in wanted if image.is_mirrored]
            if not mirrored:
                raise BundleError(
                    "gpu_monitoring_registry: it is empty, and gpu_monitoring_registries too, so no registry is known"
                    " to push to. Set one of them, or load the images on the hosts (bundle_target: hosts)."
                )
            bundle_controller.check_login(variables, list(dict.fromkeys(image.host for image in images)))
            with registry_access.registries(options, self._display.display) as registry:
                pushed = (
                    []
                    if self._task.check_mode
                    else [self._push(options["path"], image, registry) for image in mirrored]
                )
        except (BundleError, RegistryError, ServiceError, ValueError) as error:
            raise AnsibleActionFail(str(error)) from None
        except OSError as error:
            problem = f"{error.filename or options['path']}: {error.strerror}"
            raise AnsibleActionFail(f"path: {problem}. Copy the bundle again.") from None
        left_out = [image.reference for image in wanted if not image.is_mirrored]
        warnings = [f"{reference} is not pushed, since no mirror is set for its registry." for reference in left_out]
        changed = self._task.check_mode or any(image["changed"] for image in pushed)
        return {**result, "changed": changed, "images": pushed, "warnings": warnings}

    def _push(self, path: str, wanted: WantedImage, registry: Any) -> push.Pushed:
        target = parse(wanted.reference)
        return push.push(path, wanted.image, target, registry(target.registry), self._display.display)
