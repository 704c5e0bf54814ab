from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.mlops.gpu_monitoring.plugins.filter.duration_seconds import duration_seconds


@pytest.mark.parametrize(("text", "seconds"), [("5s", 5), ("1m", 60), ("1m30s", 90), ("500ms", 0.5), ("15d", 1296000)])
def test_duration(text, seconds):
    assert duration_seconds(text) == seconds


@pytest.mark.parametrize("text", ["5 sec", "5", "", "s", "-5s", "5s ", "5S", None, 5])
def test_what_is_no_duration_is_refused_by_name(text):
    with pytest.raises(AnsibleFilterError, match=r"my_interval: '.*' is not a duration\. Write it like 5s"):
        duration_seconds(text, "my_interval")


@pytest.mark.parametrize("text", ["999ms", "61s", "2m"])
def test_a_duration_out_of_range_is_refused(text):
    with pytest.raises(AnsibleFilterError, match=f"my_interval: {text} is out of range. .* from 1s to 60s"):
        duration_seconds(text, "my_interval", 1, 60)


@pytest.mark.parametrize("text", ["1s", "60s", "1m"])
def test_the_ends_of_the_range_are_in(text):
    assert duration_seconds(text, "my_interval", 1, 60) in (1, 60)
