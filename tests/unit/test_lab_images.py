"""Images of the lab that two processes need at the same time."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

from tests.lab import images


def test_an_image_is_built_once(monkeypatch, tmp_path):
    built, both = [], threading.Barrier(2)

    def run(_script, image, environment):
        # Two builds at the same time would meet here.
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(timeout=0.3)
        built.append(image)

    monkeypatch.setattr(images, "CACHE", tmp_path / "lab")
    monkeypatch.setattr(images, "succeeds", lambda *command: command[-1] in built)
    monkeypatch.setattr(images, "run", run)
    with ThreadPoolExecutor(2) as pool:
        names = [*pool.map(images.build, ("base", "base"), ({}, {}))]
    assert built == names[:1] == names[1:]
