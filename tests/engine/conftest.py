"""A small image made on the spot, and the module run in this process against this machine's Docker engine."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import subprocess

import docker
import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mlops.gpu_monitoring.plugins.modules import container_service

from tests.engine.arguments import arguments
from tests.engine.failed import Failed
from tests.engine.fault_table import FAULT, WRITTEN, FaultTable
from tests.engine.image import PREFIX, image_root
from tests.engine.service import remove_all, service_options


def pytest_configure(config):
    config.addinivalue_line("markers", "fault(name): the test measures this fault for the table in docs/transaction.md")


def pytest_terminal_summary(terminalreporter):
    table = FaultTable()
    for report in itertools.chain.from_iterable(terminalreporter.stats.values()):
        if getattr(report, "when", "") == "call":
            for name, measurement in report.user_properties:
                if name == FAULT:
                    table.add(*measurement)
    text = table.text()
    if text:
        WRITTEN.parent.mkdir(exist_ok=True)
        WRITTEN.write_text(text)
        terminalreporter.section(f"faults, also in {WRITTEN}")
        terminalreporter.write(text)


@pytest.fixture
def measured(request, record_property):
    """Add to the table what ran after the test's fault and how long its client got no answer."""
    fault = request.node.get_closest_marker("fault").args[0]
    return lambda runs, seconds: record_property(FAULT, [fault, runs, seconds])


@pytest.fixture(scope="session")
def api():
    client = docker.APIClient(version="auto")
    yield client
    client.close()


@pytest.fixture(scope="session")
def images(api, tmp_path_factory):
    """Two versions of the test image, made of the distribution's busybox-static."""
    folder = tmp_path_factory.mktemp("busybox")
    download = ["apt-get", "download", "--quiet", "-o", "APT::Sandbox::User=root", "busybox-static"]
    if subprocess.run(download, cwd=folder, capture_output=True, check=False).returncode:
        subprocess.run(["apt-get", "update", "--quiet"], check=True, capture_output=True)
        subprocess.run(download, cwd=folder, check=True, capture_output=True)
    subprocess.run(["dpkg", "--extract", *folder.glob("*.deb"), folder], check=True)
    root = image_root(folder / "bin" / "busybox")
    made = []
    for version in ("1", "2"):
        changes = [f"ENV VERSION={version}", 'CMD ["serve"]', "ENV PATH=/bin", "LABEL origin=test"]
        api.import_image_from_data(root, repository=PREFIX, tag=version, changes=changes)
        made.append(f"{PREFIX}:{version}")
    yield made
    for image in made:
        api.remove_image(image, force=True)


def run_module(check: bool = False, **options):
    """Run the module for one service with options, in check mode if asked to; returns the module's result and, at its
    top, the service's own.
    """
    output = io.StringIO()
    given = {**arguments(options), "_ansible_check_mode": check, "_ansible_diff": True}
    with patch_module_args(given), contextlib.redirect_stdout(output), pytest.raises(SystemExit):
        container_service.main()
    result = json.loads(output.getvalue())
    if result.get("failed"):
        raise Failed(result["msg"])
    return {**result, **result["services"][0]}


@pytest.fixture(scope="session")
def run():
    return run_module


@pytest.fixture
def name(api):
    """A name for a service; afterwards its containers and its network are removed."""
    chosen = f"{PREFIX}-app"
    yield chosen
    remove_all(api)


@pytest.fixture
def options(name, images, tmp_path):
    """The options of a service with everything."""
    return service_options(name, images[0], tmp_path / "etc")
