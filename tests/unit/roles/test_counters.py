"""The counters files hold names that the DCGM exporter knows, in the form that it reads."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.unit.roles.rendering import arguments, fleet, service

FILES = Path(__file__).resolve().parents[3] / "roles" / "dcgm_exporter" / "files"
# Field identifiers of the names, from NVIDIA/DCGM testing/python3/dcgm_fields.py (4.6.0) and NVIDIA/go-dcgm
# pkg/dcgm/const_fields.go (4.5).
FIELDS = {
    "DCGM_FI_DRIVER_VERSION": 1,
    "DCGM_FI_DEV_SM_CLOCK": 100,
    "DCGM_FI_DEV_MEM_CLOCK": 101,
    "DCGM_FI_DEV_MEMORY_TEMP": 140,
    "DCGM_FI_DEV_GPU_TEMP": 150,
    "DCGM_FI_DEV_POWER_USAGE": 155,
    "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": 156,
    "DCGM_FI_DEV_ENFORCED_POWER_LIMIT": 164,
    "DCGM_FI_DEV_PCIE_TX_THROUGHPUT": 200,
    "DCGM_FI_DEV_PCIE_RX_THROUGHPUT": 201,
    "DCGM_FI_DEV_PCIE_REPLAY_COUNTER": 202,
    "DCGM_FI_DEV_GPU_UTIL": 203,
    "DCGM_FI_DEV_MEM_COPY_UTIL": 204,
    "DCGM_FI_DEV_ENC_UTIL": 206,
    "DCGM_FI_DEV_DEC_UTIL": 207,
    "DCGM_FI_DEV_XID_ERRORS": 230,
    "DCGM_FI_DEV_POWER_VIOLATION": 240,
    "DCGM_FI_DEV_THERMAL_VIOLATION": 241,
    "DCGM_FI_DEV_SYNC_BOOST_VIOLATION": 242,
    "DCGM_FI_DEV_BOARD_LIMIT_VIOLATION": 243,
    "DCGM_FI_DEV_LOW_UTIL_VIOLATION": 244,
    "DCGM_FI_DEV_RELIABILITY_VIOLATION": 245,
    "DCGM_FI_DEV_FB_FREE": 251,
    "DCGM_FI_DEV_FB_USED": 252,
    "DCGM_FI_DEV_FB_RESERVED": 253,
    "DCGM_FI_DEV_ECC_SBE_VOL_TOTAL": 310,
    "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL": 311,
    "DCGM_FI_DEV_ECC_SBE_AGG_TOTAL": 312,
    "DCGM_FI_DEV_ECC_DBE_AGG_TOTAL": 313,
    "DCGM_FI_DEV_RETIRED_SBE": 390,
    "DCGM_FI_DEV_RETIRED_DBE": 391,
    "DCGM_FI_DEV_RETIRED_PENDING": 392,
    "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS": 393,
    "DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS": 394,
    "DCGM_FI_DEV_ROW_REMAP_FAILURE": 395,
    "DCGM_FI_DEV_ROW_REMAP_PENDING": 396,
    "DCGM_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL": 409,
    "DCGM_FI_DEV_NVLINK_CRC_DATA_ERROR_COUNT_TOTAL": 419,
    "DCGM_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL": 429,
    "DCGM_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL": 439,
    "DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL": 449,
    "DCGM_FI_DEV_NVLINK_ERROR_DL_CRC": 497,
    "DCGM_FI_DEV_NVLINK_ERROR_DL_RECOVERY": 498,
    "DCGM_FI_DEV_NVLINK_ERROR_DL_REPLAY": 499,
    "DCGM_FI_PROF_GR_ENGINE_ACTIVE": 1001,
    "DCGM_FI_PROF_SM_ACTIVE": 1002,
    "DCGM_FI_PROF_SM_OCCUPANCY": 1003,
    "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE": 1004,
    "DCGM_FI_PROF_DRAM_ACTIVE": 1005,
    "DCGM_FI_PROF_PCIE_TX_BYTES": 1009,
    "DCGM_FI_PROF_PCIE_RX_BYTES": 1010,
    "DCGM_FI_PROF_NVLINK_TX_BYTES": 1011,
    "DCGM_FI_PROF_NVLINK_RX_BYTES": 1012,
    "DCGM_FI_DEV_GET_GPU_RECOVERY_ACTION": 1523,
}
# Metrics of the exporter itself, from NVIDIA/dcgm-exporter internal/pkg/counters/exporter_counters.go.
OF_EXPORTER = {"DCGM_EXP_XID_ERRORS_COUNT", "DCGM_EXP_CLOCK_EVENTS_COUNT"}


def rows(text: str) -> list[list[str]]:
    """The rows as the exporter reads them (counter_config.go): comments begin a line, fields are trimmed."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [[field.strip(" ") for field in row] for row in csv.reader(lines, strict=True)]


@pytest.mark.parametrize("profiling", [False, True])
def test_every_row_is_one_that_the_exporter_takes(profiling, tmp_path):
    known = {"dcgm_exporter_profiling": profiling}
    inventory = fleet({"gpu1": {"ansible_host": "10.0.0.1"}}, {"monitor1": {"ansible_host": "192.0.2.10"}}, known)
    rendered = service("dcgm_exporter", "dcgm-exporter", inventory, "gpu1", tmp_path)
    counter_rows = rows(rendered["files"][0]["content"])
    assert {len(row) for row in counter_rows} == {3}
    names = [row[0] for row in counter_rows]
    assert len(set(names)) == len(names)
    assert set(names) <= set(FIELDS) | OF_EXPORTER
    assert {row[1] for row in counter_rows} == {"gauge", "counter", "label"}
    assert any(name.startswith("DCGM_FI_PROF_") for name in names) == profiling
    assert ("DCGM_FI_DEV_PCIE_TX_THROUGHPUT" in names) == (not profiling)
    assert rendered["cap_add"] == (["SYS_ADMIN"] if profiling else [])
    assert rendered["cap_drop"] == ["ALL"]


def test_every_known_field_is_used():
    used = {row[0] for path in FILES.glob("*.csv") for row in rows(path.read_text())}
    assert used == set(FIELDS) | OF_EXPORTER


@pytest.mark.parametrize(
    ("variables", "measured"),
    [
        ({}, True),
        ({"dcgm_exporter_version": "4.5.3-4.8.2-distroless"}, True),
        ({"dcgm_exporter_version": "4.4.2-4.7.1-ubuntu22.04"}, False),
        ({"dcgm_exporter_version": "3.3.9-3.6.1-ubuntu22.04"}, False),
        ({"dcgm_exporter_version": "4.9.0"}, True),
        ({"dcgm_exporter_version": "4.8.4-distroless"}, True),
        ({"dcgm_exporter_version": "4.7.0-4.9.0-distroless"}, True),
        ({"dcgm_exporter_image": "registry.lan:5000/dcgm-exporter@sha256:" + 64 * "0"}, False),
        ({"dcgm_exporter_image": "registry.lan:5000/dcgm-exporter"}, False),
        ({"dcgm_exporter_image": "registry.lan:5000/dcgm-exporter:4.6.0-4.8.3@sha256:" + 64 * "0"}, True),
        ({"dcgm_exporter_remote_hostengine": "10.0.0.1:5555"}, False),
    ],
)
def test_the_recovery_action_is_measured_where_dcgm_knows_it_and_reported_elsewhere(variables, measured, tmp_path):
    inventory = fleet({"gpu1": {"ansible_host": "10.0.0.1"}}, {"monitor1": {"ansible_host": "192.0.2.10"}}, variables)
    rendered = service("dcgm_exporter", "dcgm-exporter", inventory, "gpu1", tmp_path)
    assert (
        "DCGM_FI_DEV_GET_GPU_RECOVERY_ACTION" in [row[0] for row in rows(rendered["files"][0]["content"])]
    ) == measured
    notes = arguments("dcgm_exporter", "Deploy the DCGM exporter", inventory, "gpu1", tmp_path)["warnings"]
    assert any("GpuRecoveryAction" in note for note in notes) != measured
