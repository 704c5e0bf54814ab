# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup import restore_options, store
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.errors import BackupError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.manifest import Manifest
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import restore_contents, restore_controller
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_files import HostFiles
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_steps import HostSteps
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.restore_contents import ServiceData
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.restore_sources import (
    ControllerSource,
    Delivery,
    HostSource,
    Source,
)
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.vault_files import VaultFiles


class ActionModule(HostSteps):
    """Checks a backup, sends it to the host beside the present data, and runs the step that replaces the data."""

    _supports_check_mode = True
    _supports_async = False
    _module_name = "mlops.gpu_monitoring.monitoring_restore"
    _of_controller = ("vault_password", "controller_folder")

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The folders with the previous data."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        self._variables = task_vars or {}
        _validation, given = self.validate_argument_spec(restore_options.ARGUMENTS)
        self._given: dict[str, Any] = given
        self._folder = given["backup"] if given["location"] == "host" else os.path.expanduser(given["backup"])
        if not self._folder.startswith("/"):
            raise AnsibleActionFail(f"backup: '{given['backup']}' is not an absolute path. Begin it with /.")
        with self._failures("backup", self._folder):
            result.update(self._restore_controller() if given["controller_folder"] else self._restore())
        return result

    def _restore(self) -> dict[str, Any]:
        look = self._step("look")
        host_files = HostFiles(self._low_level_execute_command, look["python"], self._connection)
        source: Source = (
            HostSource(self._folder, look["manifest"], host_files, self._step)
            if self._given["location"] == "host"
            else ControllerSource(self._folder)
        )
        backup_manifest, vault = self._manifest(source), self._vault()
        data = {
            service: restore_contents.of_service(source, backup_manifest, service, vault)
            for service in self._given["services"]
        }
        images = restore_contents.images_of(backup_manifest)
        sizes = {service: of_service.size() for service, of_service in data.items()}
        folders = self._step("find", files=sizes, images=images)["folders"]
        if self._task.check_mode:
            return {"changed": True}
        try:
            self._step("prepare")
            self._deliver(source, host_files, data, folders)
            delivered = {service: of_service.delivered() for service, of_service in data.items()}
            kept = self._step("replace", files=delivered, time=store.folder_name(store.now()))["kept"]
        except BaseException:
            self._give_up()
            raise
        return {"changed": True, "kept": kept}

    def _deliver(
        self, source: Source, host_files: HostFiles, data: dict[str, ServiceData], folders: dict[str, str]
    ) -> None:
        """Put the files of all services onto the host, beside the present data."""
        for service, of_service in data.items():
            deliveries = [
                Delivery(name=name, folder=folders[service], path=entry["path"])
                for name, entry in of_service.clear.items()
            ]
            source.deliver(deliveries, host_files)
            for path, content in of_service.secrets.items():
                host_files.write(os.path.join(folders[service], path), [content])

    def _restore_controller(self) -> dict[str, Any]:
        if self._given["location"] == "host":
            look = self._step("look")
            host_files = HostFiles(self._low_level_execute_command, look["python"], self._connection)
            source: Source = HostSource(self._folder, look["manifest"], host_files, self._step)
        else:
            source = ControllerSource(self._folder)
        contents = restore_contents.of_controller(source, self._manifest(source), self._vault())
        folder = os.path.expanduser(self._given["controller_folder"])
        written = restore_controller.write(folder, contents, store.folder_name(store.now()), self._task.check_mode)
        return {"changed": bool(written), "written": written}

    def _manifest(self, source: Source) -> Manifest:
        backup_manifest = source.manifest()
        if backup_manifest.host != self._given["host"]:
            raise BackupError(
                f"host: {self._folder} is a backup of {backup_manifest.host}, and not of {self._given['host']}. Name"
                f" another backup, or set host to {backup_manifest.host} to put its data onto this host."
            )
        return backup_manifest

    def _vault(self) -> VaultFiles | None:
        return VaultFiles(self._given["vault_password"]) if self._given["vault_password"] else None

    def _give_up(self) -> None:
        """Remove what was sent, as far as the host still answers."""
        try:
            self._step("discard")
        except AnsibleError as error:
            self._display.warning(
                f"What was sent to the host could not be removed: {error} The next restore removes it."
            )
