"""Bundles with packages of the toolkit, made on this machine, and hosts that reach nothing but this machine."""

from __future__ import annotations

import contextlib
import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import yaml
from toolkit import assert_done

from tests.lab import hosts, services, shell
from tests.stack import LAB_NAME, run_playbook

FOLDER = "/var/lib/gpu_monitoring/packages"


@contextlib.contextmanager
def web_server(folder: str) -> Iterator[str]:
    """The URL of a folder of this machine."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


def make_bundle(folder: Path, kind: str, repository: str, versions: tuple[str, ...], key: str, fingerprint: str) -> str:
    """Make a bundle with versions of a repository, twice, and return its path."""
    asked = {f"host-{version}": {"nvidia_container_toolkit_version": version} for version in versions}
    trusted = {"nvidia_container_toolkit_key": key, "nvidia_container_toolkit_key_fingerprint": fingerprint}
    inventory, playbook, bundle = folder / "inventory.yml", folder / "playbook.yml", folder / "bundle"
    inventory.write_text(yaml.safe_dump({"gpu_hosts": {"hosts": asked, "vars": trusted}}))
    with web_server(repository) as url:
        task = {
            "mlops.gpu_monitoring.toolkit_bundle": {"path": str(bundle), "kinds": [kind], f"{kind}_url": url},
            "run_once": True,
        }
        playbook.write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": [task]}]))
        assert_done(run_playbook(playbook, inventory=inventory), changed=True)
        assert_done(run_playbook(playbook, inventory=inventory), changed=False)
    return str(bundle)


@contextlib.contextmanager
def network_cut(name: str) -> Iterator[None]:
    """As if a host of the lab reached nothing but this machine."""
    iptables = ["docker", "exec", hosts.container(LAB_NAME, name), "iptables", "--table", "raw"]
    cut = ["OUTPUT", "--out-interface", "eth0", "!", "--destination", services.GATEWAY, "--jump", "DROP"]
    shell.run(*iptables, "--insert", *cut)
    try:
        yield
    finally:
        shell.run(*iptables, "--delete", *cut)
