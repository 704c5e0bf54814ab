# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle import contents, toolkit_packages
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.contents import BundledPackages
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.repository_server import RepositoryServer
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.collection import VERSION
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.nvidia_repository import NVIDIA_URLS
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import site_toolkit
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import HostVariables

_PLATFORMS = {f"linux/{name}": names for name, names in toolkit_packages.ARCHITECTURES.items()}
_NVIDIA_URLS = {"apt": NVIDIA_URLS["apt"], "rpm": NVIDIA_URLS["dnf"]}
_OPTIONS = {
    "path": {"type": "path", "required": True},
    "platforms": {"type": "list", "elements": "str", "choices": [*_PLATFORMS], "default": ["linux/amd64"]},
    "kinds": {"type": "list", "elements": "str", "choices": ["apt", "rpm"], "default": ["apt", "rpm"]},
    "apt_url": {"type": "str", "default": ""},
    "rpm_url": {"type": "str", "default": ""},
    "ca_path": {"type": "path"},
}


class ActionModule(ActionBase):
    """Fetches the toolkit's packages for the inventory's hosts into a bundle; nothing runs on a host."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The packages of the bundle."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(_OPTIONS)
        path = options["path"]
        try:
            wanted = site_toolkit.wanted(
                HostVariables(self._loader, task_vars or {}, self._task.get_play(), self._task)
            )
            result["versions"] = wanted.versions
            if self._task.check_mode:
                return {**result, "changed": False}
            return {**result, **self._fetch(path, wanted, options)}
        except (BundleError, ValueError) as error:
            raise AnsibleActionFail(str(error)) from None
        except OSError as error:
            problem = f"{error.filename or path}: {error.strerror}"
            raise AnsibleActionFail(f"path: {problem}. Name a folder of the controller with enough room.") from None

    def _fetch(self, path: str, wanted: site_toolkit.Wanted, options: dict[str, Any]) -> dict[str, Any]:
        def server(option: str, url: str) -> RepositoryServer:
            return RepositoryServer(option, url, options["ca_path"])

        entries: list[BundledPackages] = []
        changed, warnings = False, []
        before = contents.begin(path, VERSION)
        if wanted.versions:
            key = site_toolkit.key(wanted, server)
            for kind in options["kinds"]:
                option = f"{kind}_url"
                source = toolkit_packages.Source(kind, options[option] or _NVIDIA_URLS[kind], key, option)
                for platform in options["platforms"]:
                    architecture = _PLATFORMS[platform][kind]
                    self._display.display(
                        f"Packages of the toolkit {', '.join(wanted.versions)} for {kind}, {architecture}"
                    )
                    fetched = toolkit_packages.download(path, source, architecture, wanted.versions, server)
                    entries += fetched.entries
                    warnings += fetched.warnings
                    changed = changed or fetched.changed
        for kind in toolkit_packages.FOLDERS:
            kept = [_PLATFORMS[platform][kind] for platform in options["platforms"] if kind in options["kinds"]]
            changed = toolkit_packages.drop(path, kind, kept if wanted.versions else []) or changed
        after = contents.update(path, VERSION, packages=entries)
        return {"changed": changed or before != after, "packages": entries, "warnings": warnings}
