"""Versions, compared by their numbers."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.version_numbers import is_before


@pytest.mark.parametrize("version", ["9.5.21", "10.4.3", "11.2.9", "v11.2.0-pre"])
def test_an_older_version_is_before_a_release(version):
    assert is_before(version, 11, 3)


@pytest.mark.parametrize("version", ["11.3.0", "11.3.0-pre", "12.4.0", "13.0.1", "", "None"])
def test_a_newer_or_unknown_version_is_not(version):
    assert not is_before(version, 11, 3)
