# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Images of versions that a role does not work with. Pure."""

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.volume_data import version_of
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.version_numbers import is_before, numbers


def problem_of(image: str, oldest: str, role: str, advised: str) -> tuple[str, str] | None:
    """Problem and fix of an image whose tag is a version before `oldest`. A digest and a tag such as latest pass."""
    if not is_before(version_of([image]), *numbers(oldest)):
        return None
    return f"{image} is older than {oldest}", f"Set {role}_version to {advised} or newer"
