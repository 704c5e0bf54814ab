"""Servers of the tests on loopback."""

from __future__ import annotations

import contextlib
import socket
import time

import requests


def wait_until(condition, what, seconds=30):
    """The first true answer of `condition`."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(requests.ConnectionError, requests.HTTPError):
            found = condition()
            if found:
                return found
        assert time.monotonic() < deadline, f"after {seconds} s: {what}"
        time.sleep(0.1)


def free_address():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"
