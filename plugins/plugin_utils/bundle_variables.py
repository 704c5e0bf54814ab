# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The check of gpu_monitoring_bundle before anything changes: the bundle is one, and has the images of a role."""

import os

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle import contents
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import bundled_images, site_images
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import HostVariables, VariableError

VARIABLE = "gpu_monitoring_bundle"


def check(variables: HostVariables, role: str, host: str) -> None:
    """Raises VariableError if the bundle of a host cannot be read or lacks an image of the role."""
    path = variables.get(host, VARIABLE) if site_images.names(variables, role) else ""
    if not path:
        return
    path = os.path.expanduser(str(path))
    if not os.path.isabs(path):
        raise VariableError(VARIABLE, host, f"{path} is not an absolute path", "Begin it with /")
    try:
        bundled = {image["reference"] for image in contents.read(path)["images"]}
    except BundleError as error:
        problem, _end, fix = str(error).rpartition(". ")
        raise VariableError(VARIABLE, host, problem, fix) from error
    for image in site_images.of_role(variables, role, host):
        if image.upstream not in bundled:
            raise VariableError(
                image.variable, host, f"the bundle {path} has no {image.upstream}", bundled_images.ADVICE
            )
