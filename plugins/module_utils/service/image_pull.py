# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import bundled
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.bundled import Bundled
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine import Engine
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine_types import Image
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError


def pull(engine: Engine, reference: str, of_bundle: Optional[Bundled]) -> Image:
    """The image from its registry, which must be that of the bundle if there is a bundle."""
    if of_bundle and not of_bundle.pull:
        raise ServiceError(bundled.missing(reference, engine.image(reference)))
    image = engine.pull(reference)
    if not bundled.accepted(image, of_bundle):
        raise ServiceError(bundled.refusal(reference, image))
    return image
