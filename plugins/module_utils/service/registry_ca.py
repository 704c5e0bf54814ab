# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The authority of a registry's certificate, where the engine reads it at each pull, without a restart:
https://docs.docker.com/engine/security/certificates/
"""

import os
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import files, registry_login
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.files import FileChange
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.options import ManagedFile

FOLDER = "/etc/docker/certs.d"
# Readers of PEM skip what is outside of the blocks.
_MARK = "# Written by mlops.gpu_monitoring (gpu_monitoring_registry_ca).\n"
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


def of_options(options: Mapping[str, Any], check_mode: bool) -> list[dict[str, str]]:
    """Do what the registry_login.OPTIONS of a module say; returns what changed, in Ansible's form of a diff."""
    registries = sorted(registry_login.mirrors(options))
    if options["registry_ca"]:
        return [change.diff() for change in ensure(registries, options["registry_ca"], check_mode)]
    return forget(registries, check_mode)


def forget(registries: Iterable[str], check_mode: bool) -> list[dict[str, str]]:
    """Remove the files that the module wrote for these registries, and their empty folders; returns the diffs."""
    diffs = []
    for path in (_path(registry) for registry in registries):
        present = files.read(path)
        text = present.content.decode("utf-8", "replace") if present else ""
        if not text.startswith(_MARK):
            continue
        diffs.append({"before_header": path, "after_header": path, "before": text, "after": ""})
        if not check_mode:
            files.remove(path)
            files.remove_empty([os.path.dirname(path)])
    return diffs


def ensure(registries: Iterable[str], certificates: str, check_mode: bool) -> list[FileChange]:
    """Let the engine trust these authorities for these registries; returns what changed. Raises ServiceError."""
    wanted = _blocks(certificates)
    if not wanted:
        raise ServiceError(
            "registry_ca: this holds no certificate. Set gpu_monitoring_registry_ca to the PEM text of one, as by"
            " lookup('ansible.builtin.file', 'ca.crt')."
        )
    changes = [change for registry in registries for change in _changes(registry, wanted)]
    if not check_mode:
        for change in changes:
            files.make_folder(os.path.dirname(change.path))
            files.write(change.path, change.wanted)
    return changes


def _path(registry: str) -> str:
    return f"{FOLDER}/{registry}/ca.crt"


def _changes(registry: str, wanted: list[str]) -> list[FileChange]:
    path = _path(registry)
    present = files.read(path)
    text = present.content.decode("utf-8", "replace") if present else ""
    if present and not text.startswith(_MARK):
        if set(wanted) <= set(_blocks(text)):
            return []
        raise ServiceError(
            f"registry_ca: {path} holds other certificates, and mlops.gpu_monitoring did not write it. Add the"
            " certificate to the file, or remove the file."
        )
    return files.changes([ManagedFile(path, _MARK + "".join(wanted))])


def _blocks(text: str) -> list[str]:
    """The certificates of a text, each in one form."""
    certificates = []
    for part in text.split(_BEGIN)[1:]:
        body, end, _rest = part.partition(_END)
        if end:
            lines = [line.strip() for line in body.splitlines() if line.strip()]
            certificates.append("\n".join([_BEGIN, *lines, _END]) + "\n")
    return certificates
