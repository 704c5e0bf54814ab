# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Which images of a bundle the hosts of a site need, and by which names."""

from collections.abc import Sequence
from typing import NamedTuple

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.contents import BundledImage, Contents
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.reference import parse
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.site_images import SiteImage

ADVICE = "Make the bundle again with the playbook bundle and this inventory, or set the version that the bundle has"


class WantedImage(NamedTuple):
    """An image of a bundle, and the reference by which a site gets the image."""

    reference: str
    image: BundledImage

    @property
    def is_mirrored(self) -> bool:
        """Whether a registry of the site has the image."""
        return self.reference != self.image["reference"]


def local_name(reference: str) -> str:
    """The name of an image on a host: the reference without its digest, or with a tag in the place of it."""
    named, _at, _digest = reference.partition("@")
    return named if parse(reference).tag else parse(reference).name


def wanted(path: str, contents: Contents, images: Sequence[SiteImage]) -> list[WantedImage]:
    """The images of a bundle that variables make, each once. Raises BundleError if the bundle lacks one."""
    bundled = {image["reference"]: image for image in contents["images"]}
    missing = [image for image in images if image.upstream not in bundled]
    if missing:
        lines = dict.fromkeys(
            f"{image.variable} on {image.host}: the bundle {path} has no {image.upstream}." for image in missing
        )
        raise BundleError("\n".join([*lines, f"{ADVICE}."]))
    return [
        WantedImage(reference, bundled[upstream])
        for reference, upstream in dict.fromkeys((image.reference, image.upstream) for image in images)
    ]
