"""A pull from a real registry whose certificate an authority of the site signed, by the engine of this machine."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from pathlib import Path

import docker
import pytest

from tests.engine.failed import Failed
from tests.engine.fleet import wait_until
from tests.engine.image import PREFIX
from tests.lab import images as lab_images

CONFIG = """
version: 0.1
log: {level: warn}
storage: {filesystem: {rootdirectory: /var/lib/docker-registry}}
http: {addr: ":5000", tls: {certificate: /etc/registry/tls.crt, key: /etc/registry/tls.key}}
"""


@pytest.fixture
def registry(api, images, tmp_path):
    """The address of a registry that has the test image, and the text of its certificate, which the engine does not
    trust.
    """
    client = docker.from_env()
    # The engine trusts registries at addresses of the loopback without a certificate.
    gateway = client.networks.get("bridge").attrs["IPAM"]["Config"][0]["Gateway"]
    (tmp_path / "config.yml").write_text(CONFIG)
    request = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=test",
    ]
    files = ["-addext", f"subjectAltName=IP:{gateway}", "-keyout", tmp_path / "tls.key", "-out", tmp_path / "tls.crt"]
    subprocess.run([*request, *files], check=True, capture_output=True)
    container = client.containers.run(
        lab_images.build("services", lab_images.bases()),
        ["docker-registry", "serve", "/etc/registry/config.yml"],
        name=f"signed-{PREFIX.rpartition('-')[2]}",
        detach=True,
        ports={"5000/tcp": (gateway, None)},
        volumes={str(tmp_path): {"bind": "/etc/registry", "mode": "ro"}},
    )
    try:
        container.reload()
        address = f"{gateway}:{container.ports['5000/tcp'][0]['HostPort']}"
        trusted = Path("/etc/docker/certs.d") / address
        trusted.mkdir(parents=True)
        shutil.copyfile(tmp_path / "tls.crt", trusted / "ca.crt")
        api.tag(images[0], f"{address}/{PREFIX}", "1")
        wait_until(lambda: not pushed_without(api, f"{address}/{PREFIX}:1"), lambda: container.logs().decode())
        api.remove_image(f"{address}/{PREFIX}:1")
        (trusted / "ca.crt").unlink()
        yield address, (tmp_path / "tls.crt").read_text()
    finally:
        container.remove(force=True, v=True)
        with contextlib.suppress(docker.errors.ImageNotFound):
            api.remove_image(f"{address}/{PREFIX}:1", force=True)
        shutil.rmtree(trusted, ignore_errors=True)
        client.close()


def pushed_without(api, reference):
    """What went wrong with a push."""
    return [line for line in api.push(reference, stream=True, decode=True) if "error" in line]


def test_an_authority_of_the_site_is_trusted_without_a_restart(registry, run, name):
    address, certificate = registry
    image = f"{address}/{PREFIX}:1"
    with pytest.raises(Failed, match=f"x509.*does not trust the certificate of {address}.*gpu_monitoring_registry_ca"):
        run(name=name, image=image)
    trust = {"mirrors": [f"{address}/somewhere"], "registry_ca": certificate}
    first = run(name=name, image=image, **trust)
    assert first["actions"][0] == "pull image"
    assert Path(f"/etc/docker/certs.d/{address}/ca.crt").read_text().endswith(certificate)
    assert not run(name=name, image=image, **trust)["changed"]
    run(name=name, image=image, mirrors=[address])
    assert not Path(f"/etc/docker/certs.d/{address}").exists()
