"""The size of a layer after decompression, if Python's standard library can tell."""

from __future__ import annotations

import gzip

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.unpacked import size_of

GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
PACKED = gzip.compress(bytes(3_000_000))


@pytest.mark.parametrize(
    ("content", "media_type", "size"),
    [
        (PACKED, GZIP, 3_000_000),
        (PACKED + PACKED, "application/vnd.docker.image.rootfs.diff.tar.gzip", 6_000_000),
        (PACKED + bytes(512), GZIP, 0),
        (b"\x28\xb5\x2f\xfd", "application/vnd.oci.image.layer.v1.tar+zstd", 0),
        (bytes(1024), "application/vnd.oci.image.layer.v1.tar", 0),
    ],
    ids=["gzip", "members", "padded", "zstd", "tar"],
)
def test_the_size_of_a_layer(tmp_path, content, media_type, size):
    (tmp_path / "layer").write_bytes(content)
    assert size_of(str(tmp_path / "layer"), media_type) == size
