# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle import contents, image_layout, layout
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.progress import Progress, megabytes
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.errors import RegistryError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.reference import parse
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import bundled_images, site_images
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import HostVariables

_MODULE = "mlops.gpu_monitoring.image_load"


class ActionModule(ActionBase):
    """Sends what a host lacks of the bundle's images, between two runs of the module on the host."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The images that were missing and what was sent."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        options = dict(self._task.args)
        path, host = os.path.expanduser(str(options.get("path") or "")), variables["inventory_hostname"]
        if not path:
            raise AnsibleActionFail(
                f"path on {host}: it is empty. Set it to the folder of the bundle on the controller."
            )
        try:
            return {**result, **self._load(path, host, options, variables)}
        except (BundleError, RegistryError, ValueError) as error:
            raise AnsibleActionFail(str(error)) from None
        except OSError as error:
            problem = f"{error.filename or path}: {error.strerror}"
            raise AnsibleActionFail(f"path on {host}: {problem}. Copy the bundle again.") from None

    def _load(self, path: str, host: str, options: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        images = self._images(path, host, variables)
        options.update(images=images, host=host, owner=self._user_id())
        prepared = self._module(options, "prepare", variables)
        if prepared.get("failed") or self._task.check_mode or not prepared["images"]:
            return prepared
        folder = self._connection._shell.join_path(options.get("transfer_dir", "/var/lib"), layout.TRANSFER)
        sent = self._send(path, prepared["blobs"], folder, host)
        loaded = self._module(options, "load", variables)
        return {**loaded, "blobs": prepared["blobs"], "sent_bytes": sent}

    def _images(self, path: str, host: str, variables: dict[str, Any]) -> list[dict[str, Any]]:
        known = HostVariables(self._loader, variables, self._task.get_play(), self._task)
        wanted = bundled_images.wanted(path, contents.read(path), site_images.images(known, [host]))
        return [
            {
                "name": parse(image.reference).name,
                "accepted": image_layout.accepted(image.image),
                "media_type": image_layout.descriptor(path, image.image["platforms"][0]["manifest"])["mediaType"],
                "platforms": image.image["platforms"],
            }
            for image in wanted
        ]

    def _user_id(self) -> int:
        """The id of the user of the connection, who may be another one than root."""
        answer = self._low_level_execute_command("id -u", sudoable=False)
        return int(answer["stdout_lines"][-1]) if answer["rc"] == 0 and answer["stdout_lines"] else 0

    def _module(self, options: dict[str, Any], step: str, variables: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._execute_module(
            module_name=_MODULE, module_args={**options, "step": step}, task_vars=variables
        )
        return answer

    def _send(self, path: str, digests: Sequence[str], folder: str, host: str) -> int:
        """Put blobs into the transfer folder of the host, and return their bytes."""
        total = sum(image_layout.size(path, digest) for digest in digests)
        progress = Progress(host, total, self._display.display)
        for digest in digests:
            self._transfer_file(
                layout.blob(path, digest), self._connection._shell.join_path(folder, layout.blob_in_images(digest))
            )
            progress(image_layout.size(path, digest))
        self._display.display(f"{host}: sent {megabytes(total)}")
        return total
