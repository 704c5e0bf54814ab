"""The playbooks bundle and load against a stand-in for a registry, for hosts that do not exist."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme

from tests import examples
from tests.fake_registry import FakeRegistry, store
from tests.fake_repository import Vendor

ROOT = Path(__file__).resolve().parents[4]
BUNDLE, LOAD, SITE = (ROOT / "playbooks" / f"{name}.yml" for name in ("bundle", "load", "site"))
HOSTS = ("gpu1", "gpu2", "monitor1", "switch1")
IMAGES = (
    "cadvisor",
    "cadvisor_proxy",
    "node_exporter",
    "dcgm_exporter",
    "container_gpu_collector",
    "alertmanager",
    "prometheus",
    "grafana",
)
# An image of the stand-in as the table of default images has one, and the filter that the defaults of roles apply.
ROW = {"tag": "{version}", "version": "1", "digest": ""}
REFERENCE = " | mlops.gpu_monitoring.image_reference('1', gpu_monitoring_registry)"


@pytest.fixture
def fake():
    server = FakeRegistry()
    for name in IMAGES:
        store(server, ["amd64", "arm64"], f"up/{name}", "1")
    yield server
    server.close()


@pytest.fixture
def site():
    server = FakeRegistry()
    yield server
    server.close()


@pytest.fixture
def vendor(tmp_path):
    """A vendor's apt repository on a web server of this machine."""
    vendor = Vendor(tmp_path / "gnupg")
    vendor.apt(tmp_path / "vendor" / "amd64", "1.20.1")
    (tmp_path / "vendor" / "key.asc").write_text(vendor.key)
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "vendor"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    vendor.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield vendor
    server.shutdown()


@pytest.fixture
def run(playbook, fake, site, vendor, tmp_path):
    """Runs a playbook with the images of the stand-in; the mirror of it is the registry of the site."""
    rows = {name: {**ROW, "repositories": [f"{fake.name}/up/{name}"]} for name in IMAGES}
    images = {f"{name}_image": f"{{{{ {row}{REFERENCE} }}}}" for name, row in rows.items()}
    shared = {
        **images,
        "gpu_monitoring_bundle": str(tmp_path / "bundle"),
        "bundle_insecure_registries": [fake.name, site.name],
        "bundle_packages": ["apt"],
        "bundle_apt_url": f"{vendor.url}/$(ARCH)",
        "nvidia_container_toolkit_key": f"{vendor.url}/key.asc",
        "nvidia_container_toolkit_key_fingerprint": vendor.fingerprint,
    }

    def runs(source, *arguments, of_hosts=None, **variables):
        hosts = {host: {**shared, **variables, **(of_hosts or {}).get(host, {})} for host in HOSTS}
        return playbook(source, *arguments, variables=hosts)

    return runs


def test_a_bundle_is_made_and_pushed(run, fake, site, tmp_path):
    code, output = run(BUNDLE, bundle_tar=str(tmp_path / "bundle.tar"))
    assert code == 0, output
    contents = json.loads((tmp_path / "bundle" / "bundle.json").read_text())
    assert {image["reference"] for image in contents["images"]} == {f"{fake.name}/up/{name}:1" for name in IMAGES}
    (packages,) = contents["packages"]
    assert (packages["distribution"], packages["version"], packages["architecture"]) == ("apt", "1.20.1", "amd64")
    assert all((tmp_path / "bundle" / path).is_file() for path in packages["files"])
    (archive,) = (tmp_path / "bundle" / "collection").iterdir()
    assert archive.name == f"mlops-gpu_monitoring-{contents['collection']}.tar.gz"
    subprocess.run(["sha256sum", "--check", "--quiet", "--strict", "SHA256SUMS"], cwd=tmp_path / "bundle", check=True)
    assert (tmp_path / "bundle.tar").is_file()
    assert ": fetched 0 MB" in output, output
    code, output = run(BUNDLE, bundle_tar=str(tmp_path / "bundle.tar"))
    assert code == 0, output
    assert "changed=0" in output
    code, output = run(LOAD, gpu_monitoring_registry=site.name)
    assert code == 0, output
    assert {repository for repository, _version in site.stored} == {f"up/{name}" for name in IMAGES}
    assert site.stored["up/grafana", "1"] == fake.stored["up/grafana", "1"]
    code, output = run(LOAD, gpu_monitoring_registry=site.name)
    assert code == 0 and not re.search("changed=[1-9]", output), output


@pytest.mark.parametrize(
    "of_hosts",
    [
        pytest.param(("gpu1", "gpu2", "monitor1"), marks=pytest.mark.long),
        ("monitor1",),
        pytest.param(("gpu2",), marks=pytest.mark.long),
    ],
)
def test_images_are_pushed_for_the_hosts_alone_that_have_a_registry(run, site, tmp_path, of_hosts):
    """The first host of the inventory, which is in no group, has no registry. Other hosts load their images."""
    run(BUNDLE)
    password = "correct-horse-battery"
    site.login = ("pusher", password)
    registry = {
        "gpu_monitoring_registry": site.name,
        "gpu_monitoring_registry_username": "pusher",
        "gpu_monitoring_registry_password": password,
    }
    code, output = run(LOAD, of_hosts=dict.fromkeys(of_hosts, registry))
    pushed = {repository.rpartition("/")[2] for repository, _version in site.stored}
    assert pushed >= {"node_exporter"}
    assert ("grafana" in pushed, "cadvisor" in pushed) == ("monitor1" in of_hosts, "gpu2" in of_hosts)
    loading = sorted({"gpu1", "gpu2", "monitor1"} - {*of_hosts})
    assert code == (2 if loading else 0), output
    assert sorted(re.findall(r"fatal: \[(\w+)\].*no answer for mlops.gpu_monitoring.image_load", output)) == loading
    assert password not in output


@pytest.mark.long
def test_a_login_of_some_hosts_alone_is_refused_by_name(run, site):
    run(BUNDLE)
    login = {"gpu_monitoring_registry_username": "pusher", "gpu_monitoring_registry_password": "correct-horse-battery"}
    code, output = run(LOAD, gpu_monitoring_registry=site.name, of_hosts={"monitor1": login})
    assert code != 0
    assert "gpu_monitoring_registry_username on monitor1: the value differs from that of gpu1" in output, output
    assert "or name hosts with the same value in --limit." in output
    assert (site.stored, "correct-horse-battery" in output) == ({}, False)
    code, output = run(LOAD, "--limit", "gpu1,gpu2", gpu_monitoring_registry=site.name, of_hosts={"monitor1": login})
    assert code == 0, output
    assert ("up/cadvisor", "1") in site.stored
    assert ("up/grafana", "1") not in site.stored


@pytest.mark.parametrize("playbook_file", [BUNDLE, LOAD])
def test_a_variable_that_the_controller_reads_once_is_the_same_for_all_hosts(run, fake, tmp_path, playbook_file):
    other = {"bundle_insecure_registries": []}
    code, output = run(playbook_file, of_hosts={"gpu2": other, "monitor1": other, "switch1": {"bundle_tar": "/none"}})
    assert code != 0
    assert "bundle_insecure_registries on gpu2, monitor1: the value differs from that of gpu1" in output
    assert "bundle_tar" not in output
    assert (fake.requests, (tmp_path / "bundle").exists()) == ([], False)


@pytest.mark.parametrize("playbook_file", [BUNDLE, LOAD])
def test_a_run_without_hosts_of_the_site_is_refused(run, playbook_file):
    code, output = run(playbook_file, "--limit", "switch1")
    assert code != 0
    assert "--limit: the run has no host of the groups gpu_hosts and monitoring." in output


def test_a_bundle_needs_a_folder_of_its_own(run, tmp_path):
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "thesis.tex").write_text("")
    code, output = run(BUNDLE)
    assert code != 0
    assert "has files and is not a bundle. Name a folder that is empty or missing." in output
    code, output = run(BUNDLE, gpu_monitoring_bundle="")
    assert "gpu_monitoring_bundle on gpu1, gpu2, monitor1: it is empty." in output, output


def test_a_bundle_that_differs_from_its_sums_is_not_pushed(run, site, tmp_path):
    run(BUNDLE)
    (tmp_path / "bundle" / "images" / "index.json").write_text("{}")
    code, output = run(LOAD, gpu_monitoring_registry=site.name)
    assert code != 0
    assert "differs from its SHA256SUMS: images/index.json (another SHA-256)" in output
    assert site.stored == {}


def test_an_image_that_the_bundle_lacks_is_named_before_anything_is_pushed(run, fake, site):
    run(BUNDLE)
    code, output = run(LOAD, gpu_monitoring_registry=site.name, grafana_image=f"{fake.name}/up/grafana:2")
    assert code != 0
    assert "grafana_image on monitor1: the bundle" in output
    assert f"has no {fake.name}/up/grafana:2." in output
    assert site.stored == {}


def test_a_blob_that_is_missing_is_named(run, site, tmp_path, monkeypatch):
    run(BUNDLE)
    monkeypatch.setenv("HOME", str(tmp_path))
    load = {"mlops.gpu_monitoring.image_load": {"path": "~/bundle"}}
    push = {"mlops.gpu_monitoring.image_push": {"path": "~/bundle", "insecure_registries": [site.name]}}
    code, output = run([{"tasks": [load]}])
    assert "answers.json has no answer for mlops.gpu_monitoring.image_load" in output, output
    for path in (tmp_path / "bundle" / "images" / "blobs" / "sha256").iterdir():
        path.unlink()
    for task in (load, push):
        code, output = run([{"tasks": [task]}], gpu_monitoring_registry=site.name)
        assert code != 0
        assert re.search(r"path( on gpu1)?: \S+: No such file or directory. Copy the bundle again", output), output
        assert "Errno" not in output


def test_a_wrong_address_of_packages_is_found_before_images_are_fetched(run, fake, vendor):
    code, output = run(BUNDLE, bundle_apt_url=f"{vendor.url}/nowhere/$(ARCH)")
    assert code != 0
    assert "apt_url: " in output
    assert fake.requests == []


@pytest.mark.long
def test_a_bundle_is_made_whatever_tags_are_given(run, fake):
    code, output = run(BUNDLE, "--check", "--tags", "grafana")
    assert code == 0, output
    assert "ok=0" not in output
    assert "Fetch the images" in output


def test_another_platform_is_refused_before_a_registry_is_asked(run, fake):
    code, output = run(BUNDLE, bundle_platforms=["linux/arm/v7"])
    assert code != 0
    assert "bundle_platforms on " in output, output
    assert "linux/arm/v7" in output
    assert fake.requests == []


def test_check_mode_asks_no_registry(run, fake, tmp_path):
    code, output = run(BUNDLE, "--check")
    assert code == 0, output
    assert fake.requests == []
    assert not (tmp_path / "bundle").exists()


def test_the_password_of_the_registry_is_not_shown(run, site):
    password = "correct-horse-battery"
    run(BUNDLE)
    site.login = ("pusher", password)
    login = {"gpu_monitoring_registry_username": "pusher", "gpu_monitoring_registry_password": password}
    code, output = run(LOAD, "-vvv", gpu_monitoring_registry=site.name, **login)
    assert code == 0, output
    assert password not in output
    assert site.stored


def test_the_site_playbook_refuses_what_is_no_bundle_before_anything_changes(run, fake):
    code, output = run(SITE)
    assert code != 0
    assert output.count("PLAY [") == 1
    assert re.search(
        r"gpu_monitoring_bundle on gpu1, gpu2(, monitor1)?: .*bundle.json is missing. Make one with the playbook",
        output,
    )
    run(BUNDLE)
    code, output = run(SITE, grafana_image=f"{fake.name}/up/grafana:2")
    assert code != 0
    assert output.count("PLAY [") == 1
    assert f"/bundle has no {fake.name}/up/grafana:2. Make the bundle again" in output


def test_a_run_that_ended_early_is_continued(run, fake, tmp_path):
    grafana = fake.stored.pop(("up/grafana", "1"))
    code, output = run(BUNDLE)
    assert code != 0
    assert f"{fake.name}/up/grafana: it answers 404 (nobody knows it). Check the version" in output
    fake.stored["up/grafana", "1"] = grafana
    asked = fake.count("GET", "/blobs/")
    code, output = run(BUNDLE)
    assert code == 0, output
    assert fake.count("GET", "/blobs/") == asked
    assert len(json.loads((tmp_path / "bundle" / "bundle.json").read_text())["images"]) == len(IMAGES)


def test_the_examples_of_modules_make_check_and_push_a_bundle(run, fake, site, vendor, tmp_path):
    # Images, packages and the collection come before their sums.
    order = ("image_bundle", "toolkit_bundle", "collection_bundle", "bundle_sums", "image_push")
    assert {*order} == {*examples.run_by(__file__)}
    (tmp_path / "authority.pem").write_text(trustme.CA().cert_pem.bytes().decode())
    places = {
        "/srv/gpu-monitoring-bundle": str(tmp_path / "bundle"),
        "/media/usb": str(tmp_path / "usb"),
        "https://mirror.example.com/libnvidia-container/stable/deb": vendor.url,
        "/etc/ssl/site/authority.pem": str(tmp_path / "authority.pem"),
    }
    registries = {"insecure_registries": [fake.name, site.name]}
    play = {
        "hosts": "gpu_hosts:monitoring",
        "module_defaults": {
            **{f"{examples.PREFIX}{module}": registries for module in ("image_bundle", "image_push")},
            f"{examples.PREFIX}toolkit_bundle": {"apt_url": f"{vendor.url}/$(ARCH)"},
        },
        "tasks": [task for module in order for task in examples.read(module, places)],
    }
    login = {
        "gpu_monitoring_registry_username": "pusher",
        "gpu_monitoring_registry_password": "correct-horse-battery",
    }
    code, output = run([play], gpu_monitoring_registry=site.name, **login)
    assert code == 0, output
    assert ("skipping" in output, "correct-horse-battery" in output) == (False, False)
    assert {repository for repository, _version in site.stored} == {f"up/{name}" for name in IMAGES}
    assert (tmp_path / "bundle.tar").is_file()
