"""Servers of the tests on loopback."""

from __future__ import annotations

import contextlib
import socket
import time

import requests


def wait_until(condition, problem, seconds=30, pause=0.1):
    """The first true answer of `condition`, which is asked after each `pause`."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(requests.ConnectionError, requests.HTTPError):
            answer = condition()
            if answer:
                return answer
        assert time.monotonic() < deadline, f"after {seconds} s: {problem}"
        time.sleep(pause)


def free_address():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


class Prometheus:
    """The running Prometheus over HTTP."""

    def __init__(self, url, login=None):
        self.url = url
        self.login = login

    def query(self, expression):
        response = requests.get(f"{self.url}/api/v1/query", params={"query": expression}, auth=self.login, timeout=10)
        response.raise_for_status()
        return [(sample["metric"], float(sample["value"][1])) for sample in response.json()["data"]["result"]]

    def own(self, name):
        """The value of one of its own metrics."""
        lines = requests.get(f"{self.url}/metrics", timeout=10).text.splitlines()
        return next(float(line.split()[-1]) for line in lines if line.startswith(f"{name} "))
