"""Which images of a bundle a host uses, by which names, and which are refused."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle import contents
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import site_images
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.bundle_use import BundleUse
from inventory import host_variables

from tests.tools import image_table

HOSTS = ({"gpu1": {}}, {"monitor1": {}})
DIGEST = "sha256:" + "ab" * 32
INDEX, MANIFEST, CONFIG = (f"sha256:{letter * 64}" for letter in "abc")
PLATFORM = {
    "platform": "linux/amd64",
    "manifest": MANIFEST,
    "config": CONFIG,
    "blobs": [],
    "size": 1,
    "unpacked_size": 1,
}


@pytest.fixture
def use(tmp_path):
    """How a host uses a bundle that was made with some variables, with its own."""

    def make(host, made=None, **variables):
        (tmp_path / "made").mkdir()
        images = {
            image.upstream for image in site_images.images(host_variables(tmp_path / "made", *HOSTS, made or variables))
        }
        listed = [{"reference": text, "digest": INDEX, "reduced": MANIFEST, "platforms": [PLATFORM]} for text in images]
        contents.update(str(tmp_path / "bundle"), "0.1.0", images=listed)
        return BundleUse(str(tmp_path / "bundle"), host, host_variables(tmp_path, *HOSTS, variables))

    return make


def test_an_image_counts_with_the_digests_of_both_image_stores_and_is_not_pulled(use):
    service = use("monitor1", grafana_version="1.2").service(
        {"name": "grafana", "image": "docker.io/grafana/grafana:1.2"}
    )
    assert service["image"] == "docker.io/grafana/grafana:1.2"
    assert service["bundled_images"] == {service["image"]: {"digests": [INDEX, MANIFEST, CONFIG], "pull": False}}


@pytest.mark.parametrize("registry", ["", "r:5000"])
def test_a_default_image_with_a_digest_is_used_by_its_name_and_from_a_mirror_too(use, registry):
    grafana = image_table.read()["grafana"]
    assert grafana.digest
    name = f"{registry or 'docker.io'}/grafana/grafana:{grafana.version}"
    reference = name if registry else f"{name}@{grafana.digest}"
    service = use("monitor1", gpu_monitoring_registry=registry).service({"image": reference})
    assert service["image"] == name
    assert service["bundled_images"][name] == {"digests": [INDEX, MANIFEST, CONFIG], "pull": bool(registry)}


def test_an_image_of_a_mirror_may_be_pulled(use):
    service = use("monitor1", grafana_version="1.2", gpu_monitoring_registry="r:5000").service(
        {"image": "r:5000/grafana/grafana:1.2"}
    )
    assert service["bundled_images"]["r:5000/grafana/grafana:1.2"]["pull"]


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        (f"r.example.com/x:1@{DIGEST}", "r.example.com/x:1"),
        (f"r.example.com/x@{DIGEST}", "r.example.com/x:sha256-abababababab"),
    ],
)
def test_a_digest_is_no_part_of_the_name_on_a_host(use, reference, name):
    service = use("monitor1", grafana_image=reference).service({"image": reference, "also_pull": [reference]})
    assert (service["image"], service["also_pull"], [*service["bundled_images"]]) == (name, [name], [name])


def test_what_is_removed_needs_no_image(use):
    assert use("gpu1").service({"name": "x", "state": "absent"}) == {"name": "x", "state": "absent"}


def test_an_image_that_the_bundle_lacks_is_named_with_its_variable(use):
    with pytest.raises(
        AnsibleActionFail,
        match="(?s)grafana_image on monitor1: the bundle .* has no docker.io/grafana/grafana:2.*playbook bundle",
    ):
        use("monitor1", made={"grafana_version": "1"}, grafana_version="2")


def test_an_image_of_no_variable_is_refused(use):
    with pytest.raises(AnsibleActionFail, match=r"image on gpu1: docker.io/x:1 comes from no \*_image variable"):
        use("gpu1").service({"image": "docker.io/x:1"})
