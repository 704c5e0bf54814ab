"""Writes docs/images.md: the default images of the roles, from the table that the roles read.

`make docs` writes the page; a unit test asks `page()` whether the page is current.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.tools import image_table
from tests.tools.image_table import DefaultImage

PAGE = ROOT / "docs" / "images.md"
_READS_TABLE = re.compile(r"^(\w+): .*\bgpu_monitoring_images\.(\w+)", re.MULTILINE)
_INTRODUCTION = """# Default images

`make docs` makes this page from [the table](../roles/common/vars/main/images.yml) that the roles read.

The variable in the tables chooses another version. The role's variable that ends in `_image`, such as `grafana_image`,
chooses another image. `gpu_monitoring_registry` and `gpu_monitoring_registries` name mirrors.

Docker takes an image with a digest by the digest, so that nobody can put another image behind the tag. The roles give
the digest only for the version below, and only without a mirror. With another version or a mirror, the roles take the
image by its tag.

A digest is in the table if two independent sources name the digest for that registry. The table also has the digest
of a registry that answered `make update-images`. The other images are unpinned: only the tag names them. To pin an
image, set the variable of the image to `registry/name:tag@sha256:...`.

`docker load` loses digests. If hosts get their images by `docker load`, use [a bundle](offline.md), or set the
variable of the image to a reference without a digest.

`make update-images` looks for newer releases of the line below, and rewrites the table. An image whose registry does
not answer keeps its version and its digest.
"""


def variables() -> dict[str, str]:
    """The variable of the version by name of the image."""
    variables_by_image = {}
    for defaults in sorted(ROOT.glob("roles/*/defaults/main.yml")):
        for variable, name in _READS_TABLE.findall(defaults.read_text()):
            if variable.endswith("_version"):
                variables_by_image[name] = variable
    return variables_by_image


def _reference(image: DefaultImage) -> str:
    return f"{image.repository}:{image.tag_of(image.version)}"


def page() -> str:
    """The page as Markdown."""
    images, named = image_table.read(), variables()
    lines = ["## Pinned by digest", "", "| Image | Variable | Line | Digest |", "| --- | --- | --- | --- |"]
    lines += [
        f"| `{_reference(image)}` | `{named[name]}` | {image.line} | `{image.digest}` |"
        for name, image in images.items()
        if image.digest
    ]
    lines += ["", "## Unpinned", "", "| Image | Variable | Line |", "| --- | --- | --- |"]
    unpinned = {name: image for name, image in images.items() if not image.digest}
    lines += [f"| `{_reference(image)}` | `{named[name]}` | {image.line} |" for name, image in unpinned.items()]
    return "\n".join([_INTRODUCTION, *lines]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
