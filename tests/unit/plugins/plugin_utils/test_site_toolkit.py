"""The versions and the key of the toolkit that a bundle needs, from the inventory's own variables."""

from __future__ import annotations

import re

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.repository_server import RepositoryServer
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import site_toolkit
from inventory import host_variables

FINGERPRINT = "C95B321B61E88C1809C4F759DDCAE044F796ECB0"
DEFAULT = "1.20.1"


def wanted(folder, gpu_hosts, **variables):
    return site_toolkit.wanted(host_variables(folder, gpu_hosts, {"monitor": {}}, variables))


def test_each_version_that_a_gpu_host_would_get(tmp_path):
    hosts = {
        "default": {},
        "newer": {"nvidia_container_toolkit_version": "1.21.0"},
        "site": {"nvidia_container_toolkit_default_version": "1.19.1"},
        "removed": {"nvidia_container_toolkit_version": "1.18.0", "nvidia_container_toolkit_state": "absent"},
        "left": {"nvidia_container_toolkit_version": "1.17.8", "nvidia_container_toolkit_enabled": False},
    }
    asked = wanted(tmp_path, hosts)
    assert asked.versions == ["1.19.1", DEFAULT, "1.21.0"]
    assert asked == (asked.versions, "https://nvidia.github.io/libnvidia-container/gpgkey", FINGERPRINT)


def test_a_site_whose_hosts_keep_their_toolkits_needs_no_version(tmp_path):
    assert wanted(tmp_path, {"gpu1": {}}, nvidia_container_toolkit_enabled=False).versions == []


def test_hosts_with_two_keys_are_named(tmp_path):
    hosts = {"gpu1": {}, "gpu2": {"nvidia_container_toolkit_key": "/srv/key.asc"}, "gpu3": {}}
    with pytest.raises(ValueError, match=r"nvidia_container_toolkit_key on gpu1, gpu2: the values differ"):
        wanted(tmp_path, hosts)


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("nvidia_container_toolkit_key_fingerprint", "1234", "'1234' is not a fingerprint. Write the 40 or 64 digits"),
        ("nvidia_container_toolkit_version", "latest", "'latest' is not valid. Write it like '1.20.1'."),
        ("nvidia_container_toolkit_version", 1.2, "'1.2' is not valid. Write it like '1.20.1'."),
        ("nvidia_container_toolkit_version", True, "'True' is not valid. Write it like '1.20.1'."),
    ],
)
def test_a_wrong_value_is_reported_with_variable_and_host(tmp_path, variable, value, problem):
    with pytest.raises(ValueError, match=f"^{re.escape(f'{variable} on gpu1: {problem}')}"):
        wanted(tmp_path, {"gpu1": {variable: value}})


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("/none/key.asc", "/none/key.asc cannot be read: No such file or directory. Give a URL"),
        ("-----BEGIN PGP nothing", "the given text holds no OpenPGP key"),
        ("ftp://mirror/key.asc", "cannot be read"),
        ("http://127.0.0.1:9/key.asc", "http://127.0.0.1:9/key.asc cannot be fetched: connection refused"),
    ],
)
def test_a_key_that_cannot_be_had_is_reported(key, words):
    def server(option, url):
        return RepositoryServer(option, url, None, pause=lambda _seconds: None)

    with pytest.raises(BundleError, match="^nvidia_container_toolkit_key: ") as told:
        site_toolkit.key(site_toolkit.Wanted([DEFAULT], key, FINGERPRINT), server)
    assert words in str(told.value)
