"""A service keeps running, or runs again, when the disk of its files is full."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.engine.failed import Failed
from tests.engine.image import PREFIX
from tests.engine.service import Service, service_options


class Disk:
    """A small file system, full or not."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], check=True)

    def fill(self):
        """Leave not one block."""
        descriptor = os.open(self.folder / "filler", os.O_WRONLY | os.O_CREAT)
        try:
            while True:
                os.write(descriptor, bytes(4096))
        except OSError:
            os.close(descriptor)

    def free(self):
        """Leave room again."""
        (self.folder / "filler").unlink()


@pytest.fixture
def disk(tmp_path):
    made = Disk(tmp_path / "disk")
    yield made
    subprocess.run(["umount", "--lazy", made.folder], check=True)


@pytest.fixture
def service(api, run, images, disk, tmp_path):
    made = Service(api, run, service_options(f"{PREFIX}-disk", images[0], disk.folder / "etc"), tmp_path)
    made.begin()
    yield made
    made.stop()


@pytest.mark.fault("Disk full while files are staged")
def test_a_disk_that_is_full_while_files_are_staged(api, run, service, disk, measured):
    disk.fill()
    with pytest.raises(Failed, match="files: .*No space left on device"):
        run(**service.wanted())
    assert service.settled_version() == "old"
    assert api.inspect_container(service.name)["Id"] == service.id
    measured("old", service.watch.longest())
    disk.free()
    service.assert_no_leftovers()
    assert not run(**service.old)["changed"]
    service.converges(service.wanted())


@pytest.mark.fault("Disk full by the new container")
def test_a_disk_that_the_new_container_fills(run, service, disk, measured):
    service.proxy.before = lambda words: disk.fill() if words == "start app" else None
    with pytest.raises(Failed, match="it ended .*are as they were before"):
        run(**service.wanted("crash\n"))
    assert service.settled_version() == "old"
    measured("old", service.watch.longest())
    service.proxy.before = lambda words: None
    disk.free()
    service.converges(service.wanted())
