from __future__ import annotations

import json

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import daemon_config

NVIDIA = {"runtimes": {"nvidia": {"path": "nvidia-container-runtime"}}}


@pytest.mark.parametrize(
    ("text", "merged"),
    [
        ("", NVIDIA),
        (" \n", NVIDIA),
        ("{}", NVIDIA),
        ('{"log-driver": "local"}', {"log-driver": "local", **NVIDIA}),
        ('{"features": {"cdi": false}}', {"features": {"cdi": False}, **NVIDIA}),
        (
            '{"runtimes": {"kata": {"path": "k"}}}',
            {"runtimes": {"kata": {"path": "k"}, "nvidia": {"path": "nvidia-container-runtime"}}},
        ),
        (
            '{"runtimes": {"nvidia": {"path": "nvidia-container-runtime", "args": ["--debug"]}}}',
            {"runtimes": {"nvidia": {"path": "nvidia-container-runtime", "args": ["--debug"]}}},
        ),
        ('{"runtimes": {"nvidia": {"path": "/old"}}}', NVIDIA),
        ('{"runtimes": null}', NVIDIA),
    ],
)
def test_merging_keeps_every_other_key(text, merged):
    assert daemon_config.merge(daemon_config.parse(text, "daemon.json"), NVIDIA) == merged


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"a": 1,}', "line 1, column"),
        ('{\n  // comment\n  "a": 1\n}', "line 2, column 3"),
        ('{"a"', "line 1, column 5"),
    ],
)
def test_broken_json_is_refused_with_its_place(text, place):
    with pytest.raises(ValueError, match=f"daemon.json, {place}.*left unchanged"):
        daemon_config.parse(text, "daemon.json")


@pytest.mark.parametrize("text", ["[]", '"a"', "1", "null"])
def test_json_that_is_no_object_is_refused(text):
    with pytest.raises(ValueError, match="not an object"):
        daemon_config.parse(text, "daemon.json")


def test_rendering_keeps_the_order_of_keys():
    text = '{"z": 1, "a": {"y": 2, "b": 3}}'
    assert json.dumps(json.loads(daemon_config.render(daemon_config.parse(text, "x")))) == text
