"""Versions of the toolkit, and the container escapes that they have."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit.versions import known_escapes, order


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("1.9.0", "1.12.0"),
        ("1.20.0", "1.20.1"),
        ("1.18.0~rc.1", "1.18.0"),
        ("1.18.0-rc.2", "1.18.0"),
        ("390.157", "418.81.07"),
        ("1.17", "1.17.1"),
    ],
)
def test_order(older: str, newer: str) -> None:
    assert order(older) < order(newer)


def test_an_epoch_and_a_missing_part_do_not_matter() -> None:
    assert order("1:1.20.0") == order("v1.20") == order("1.20.0")


@pytest.mark.parametrize("text", ["", "newest", "latest-1"])
def test_what_is_not_a_version(text: str) -> None:
    with pytest.raises(ValueError, match="is not a version"):
        order(text)


@pytest.mark.parametrize(
    ("version", "newest_cve"),
    [
        ("1.16.1", "CVE-2024-0132"),
        ("1.17.3", "CVE-2025-23359"),
        ("1.17.7", "CVE-2025-23266"),
        ("1.18.2", "CVE-2026-24260"),
    ],
)
def test_a_version_has_the_escapes_that_were_fixed_later(version: str, newest_cve: str) -> None:
    cves = [escape.cve for escape in known_escapes(version)]
    assert newest_cve in cves
    assert "CVE-2026-24260" in cves


@pytest.mark.parametrize("version", ["1.19.1", "1.20.1"])
def test_a_version_with_all_fixes_has_none(version: str) -> None:
    assert known_escapes(version) == ()


def test_the_fixed_version_does_not_have_its_escape() -> None:
    assert [escape.cve for escape in known_escapes("1.17.8")] == ["CVE-2026-24260"]
