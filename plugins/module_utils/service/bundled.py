# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Images of a site's bundle: one counts as present only with a digest of the bundle. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine_types import Image

# An option of the modules that use images. AnsibleModule takes it as it is.
OPTION: dict[str, Any] = {"type": "dict", "default": {}}


@dataclass(frozen=True)
class Bundled:
    """What a bundle has of an image: the ids that an engine may give it, and whether a registry of the site has it."""

    digests: tuple[str, ...]
    pull: bool


def parse(given: Mapping[str, Mapping[str, Any]]) -> dict[str, Bundled]:
    """The images by name, as the option has them."""
    return {name: Bundled(tuple(image["digests"]), image["pull"]) for name, image in given.items()}


def accepted(image: Optional[Image], bundled: Optional[Bundled]) -> Optional[Image]:
    """The image; None if the bundle has another one under this name."""
    return image if image and (bundled is None or image["Id"] in bundled.digests) else None


def missing(reference: str, present: Optional[Image]) -> str:
    """What to do if a host lacks an image that no registry of the site has, as sentences."""
    other = f"differs on this host ({present['Id']}) from the image in the bundle" if present else "is not on this host"
    return f"image: {reference} {other}, and gpu_monitoring_bundle allows no registry. Run the playbook load."


def refusal(reference: str, pulled: Image) -> str:
    """What to do if a registry has another image than the bundle, as sentences."""
    return (
        f"image: {reference} of the registry is {pulled['Id']}, which is not in the bundle (gpu_monitoring_bundle)."
        " Push the bundle with the playbook load."
    )
