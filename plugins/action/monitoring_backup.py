# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import calendar
import json
import os
import time
from typing import Any
from urllib.parse import quote

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup import manifest, options, staging, store
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.collection import VERSION
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import backup_contents
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.backup_targets import (
    ControllerTarget,
    HostTarget,
    Target,
)
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_files import HostFiles
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_steps import HostSteps


class ActionModule(HostSteps):
    """Runs the steps of a backup on the host, and takes what they froze to where it is kept."""

    _supports_check_mode = True
    _supports_async = False
    _module_name = "mlops.gpu_monitoring.monitoring_backup"
    _of_controller = ("vault_password", "grafana_content", "controller_folder")

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The folder of the backup, its size and what is missing in it."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        self._variables = task_vars or {}
        _validation, given = self.validate_argument_spec(options.ARGUMENTS)
        self._given: dict[str, Any] = given
        _refuse(given)
        with self._failures("folder", given["folder"]):
            result.update(self._measure_only() if self._task.check_mode else self._back_up())
        left_out = [f"{name}: {reason}" for name, reason in sorted(result["missing"].items())]
        if left_out:
            result["warnings"] = [f"Not in the backup of {given['host']}: {'; '.join(left_out)}."]
        return {**result, "changed": True}

    def _measure_only(self) -> dict[str, Any]:
        measured = self._step("measure")
        return {"size": measured["clear"] + measured["secret"], "missing": measured["missing"]}

    def _back_up(self) -> dict[str, Any]:
        given = self._given
        measured = self._step("measure")
        made = store.now()
        folder = os.path.join(
            os.path.expanduser(given["folder"]), quote(given["host"], safe=""), store.folder_name(made)
        )
        host_files = HostFiles(self._low_level_execute_command, measured["python"], self._connection)
        target: Target = (
            HostTarget(folder, host_files, self._step)
            if given["location"] == "host"
            else ControllerTarget(folder, host_files)
        )
        finished = manifest.Manifest(given["host"], made, sorted(options.volumes(given)), VERSION, measured["images"])
        finished.missing = measured["missing"]
        with target.locked():
            try:
                staged = self._step("stage")["staged"]
                clear = [entry for entry in staged if not entry["secret"]]
                # This removes what a killed run left, which would take the room.
                target.begin(finished)
                target.require_room(given["host"], clear, backup_contents.ENCRYPTED_SIZE * measured["secret"])
                self._fill(
                    backup_contents.Contents(target, host_files, given["vault_password"] or ""), staged, finished
                )
                removed = target.finish(finished, given["keep"])
            except BaseException:
                self._give_up(target, folder)
                raise
            seconds = calendar.timegm(time.strptime(made, store.TIME_FORMAT))
            self._step("clean", folder=folder, made=seconds)
        return {"backup": folder, "size": finished.size(), "missing": finished.missing, "removed": removed}

    def _fill(
        self, contents: backup_contents.Contents, staged: list[staging.StagedFile], finished: manifest.Manifest
    ) -> None:
        """Add all files to the backup, and note these in its manifest."""
        given = self._given
        contents.add_staged(staged)
        if given["grafana_content"]:
            text = json.dumps(given["grafana_content"], indent=2, sort_keys=True) + "\n"
            contents.add("grafana/resources.json", text.encode())
        elif given["grafana_volume"]:
            contents.missing["grafana/resources.json"] = "Grafana's content was not read"
        if given["controller_folder"]:
            contents.add_controller(os.path.expanduser(given["controller_folder"]), given["secrets"] == "encrypted")
        finished.files = contents.files
        finished.missing.update(contents.missing)

    def _give_up(self, target: Target, folder: str) -> None:
        """Remove what a failed backup left, as far as the host still answers."""
        try:
            target.discard(self._given["host"])
            self._step("clean", folder=folder)
        except (AnsibleError, OSError) as error:
            self._display.warning(
                f"The failed backup of {self._given['host']} could not be removed: {error} The next backup removes it."
            )


def _refuse(given: dict[str, Any]) -> None:
    if not os.path.expanduser(given["folder"]).startswith("/"):
        raise AnsibleActionFail(f"folder: '{given['folder']}' is not an absolute path. Begin it with /.")
    if given["location"] == "host" and not given["folder"].startswith("/"):
        raise AnsibleActionFail(f"folder: '{given['folder']}' is not an absolute path on the host. Begin it with /.")
    secret_folder = os.path.expanduser(given["controller_folder"] or "")
    if secret_folder and os.path.join(os.path.expanduser(given["folder"]), "").startswith(
        os.path.join(secret_folder, "")
    ):
        raise AnsibleActionFail(
            f"folder: {given['folder']} is within {secret_folder}, which is backed up itself. Choose a folder outside."
        )
    if given["keep"] < 0:
        raise AnsibleActionFail(
            f"keep: {given['keep']} is negative. Give the number of backups that stay, or 0 for all."
        )
    if given["secrets"] == "encrypted" and not given["vault_password"]:
        raise AnsibleActionFail(
            "vault_password: it is empty, and secrets are encrypted. Give a password, or set secrets to excluded, which"
            " leaves Grafana's database out too."
        )
