"""Where the CDI specifications of GPUs are."""

from __future__ import annotations

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host import engine, toolkit

SPECIFICATION = 'kind: nvidia.com/gpu\ndevices:\n- name: "0"\n'


def test_folders_that_the_engine_does_not_read_count_too(tmp_path):
    usual, empty = tmp_path / "usual", tmp_path / "empty"
    for folder in (usual, empty):
        folder.mkdir()
    (usual / "nvidia.yaml").write_text(SPECIFICATION)
    (empty / "other.yaml").write_text(SPECIFICATION.replace("nvidia", "vendor"))
    known = engine.unknown(installed=True)
    assert toolkit.cdi_folders(known, [str(usual), str(empty), str(tmp_path / "missing")]) == [str(usual)]
    known["cdi_specifications"] = [{"path": "/srv/cdi/gpu.yaml", "uuids": [], "drivers": []}]
    assert toolkit.cdi_folders(known, [str(usual)]) == [str(usual), "/srv/cdi"]
