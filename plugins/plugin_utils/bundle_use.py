# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The images of a bundle for the modules that use images on a host: by which names, and with which digests."""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle import contents, image_layout
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import bundled_images, site_images
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import HostVariables


class BundleUse:
    """The bundle in a folder of the controller, as a host uses it. Raises AnsibleActionFail."""

    def __init__(self, path: str, host: str, variables: HostVariables) -> None:
        self._path = path
        self._host = host
        try:
            wanted = bundled_images.wanted(path, contents.read(path), site_images.images(variables, [host]))
        except (BundleError, ValueError) as error:
            raise AnsibleActionFail(str(error)) from None
        self._images = {image.reference: image for image in wanted}

    def name(self, reference: str) -> str:
        """The name of an image on the host. It has no digest, since `docker load` of graph drivers keeps none."""
        if reference not in self._images:
            raise AnsibleActionFail(
                f"image on {self._host}: {reference} comes from no *_image variable of the host, so the bundle"
                f" {self._path} cannot have it. Set the image by the variable of its role."
            )
        return bundled_images.local_name(reference)

    def images(self, references: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """The digests of images by their names on the host, as the option of the modules has them."""
        return {
            self.name(reference): {
                "digests": image_layout.accepted(self._images[reference].image),
                "pull": self._images[reference].is_mirrored,
            }
            for reference in references
        }

    def service(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """A service of container_service with the images of the bundle."""
        if not options.get("image") or options.get("state") == "absent":
            return dict(options)
        also = list(options.get("also_pull") or [])
        return {
            **options,
            "image": self.name(options["image"]),
            "also_pull": [self.name(reference) for reference in also],
            "bundled_images": self.images([options["image"], *also]),
        }
