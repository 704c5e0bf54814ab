"""What `make update-images` makes of the answers of registries."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.errors import RegistryError

from tests.tools.update_images import Answer, updated
from tests.unit.tools.test_image_table import TEXT


def test_the_table_takes_what_registries_answer_and_keeps_the_rest():
    def look_up(image):
        if image.repository.startswith("quay.io/"):
            return Answer("3.13.6", "sha256:2")
        raise RegistryError("nvcr.io: no route to host.")

    update = updated(TEXT, look_up)
    assert update.text == TEXT.replace("3.13.5", "3.13.6").replace('digest: ""', 'digest: "sha256:2"')
    assert update.report == ["first: 3.13.5 without a digest -> 3.13.6 sha256:2"]
    assert update.unreached == ["second: nvcr.io: no route to host."]


@pytest.mark.parametrize("digest", ["sha256:1", "sha256:9"])
def test_a_digest_that_changed_behind_its_tag_is_told(digest):
    update = updated(TEXT, lambda image: Answer(image.version, digest if image.name == "second" else image.digest))
    moved = "second: 4.6.0-4.8.3-distroless sha256:1 -> 4.6.0-4.8.3-distroless sha256:9"
    current = "second: 4.6.0-4.8.3-distroless is current"
    assert update.report == ["first: 3.13.5 is current", moved if digest == "sha256:9" else current]
