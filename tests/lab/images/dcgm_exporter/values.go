package main

import (
	"math"
	"strings"
)

// sample makes up the values of an entity at a moment, in the units of DCGM's old field names. They are slow waves.
// An instance has no utilisation fields, and shares temperature, power and clocks with its GPU.
func sample(one entity, seconds float64) map[string]float64 {
	phase := float64(one.index)*1.7 + float64(len(one.name))
	gpuLoad := math.Round(5 + 90*(math.Sin(seconds/40+phase)+1)/2)
	load, memory := gpuLoad, float64(one.memory)
	if one.instance != nil {
		load = math.Round(5 + 90*(math.Sin(seconds/40+phase+float64(one.instance.gi))+1)/2)
		memory = float64(one.instance.memory)
	}
	reserved := math.Round(memory * 0.006)
	used := math.Round((memory - reserved) * (0.1 + 0.7*load/100))
	values := map[string]float64{
		"DCGM_FI_DEV_FB_TOTAL": memory, "DCGM_FI_DEV_FB_USED": used, "DCGM_FI_DEV_FB_RESERVED": reserved, "DCGM_FI_DEV_FB_FREE": memory - reserved - used,
		"DCGM_FI_DEV_FB_USED_PERCENT": used / (memory - reserved),
		"DCGM_FI_DEV_GPU_TEMP":        math.Round(35 + gpuLoad*0.4), "DCGM_FI_DEV_MEMORY_TEMP": math.Round(38 + gpuLoad*0.4), "DCGM_FI_DEV_SLOWDOWN_TEMP": 90, "DCGM_FI_DEV_SHUTDOWN_TEMP": 95,
		"DCGM_FI_DEV_POWER_USAGE": 60 + gpuLoad*3.2, "DCGM_FI_DEV_POWER_MGMT_LIMIT": 400, "DCGM_FI_DEV_ENFORCED_POWER_LIMIT": 400,
		"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": math.Round(seconds * 220000),
		"DCGM_FI_DEV_SM_CLOCK":                 210 + math.Round(gpuLoad*12), "DCGM_FI_DEV_MEM_CLOCK": 1593, "DCGM_FI_DEV_PSTATE": 0,
		"DCGM_FI_DEV_PCIE_TX_THROUGHPUT": math.Round(gpuLoad * 9000), "DCGM_FI_DEV_PCIE_RX_THROUGHPUT": math.Round(gpuLoad * 15000),
		"DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL": math.Round(gpuLoad * 2500),
		"DCGM_FI_PROF_GR_ENGINE_ACTIVE":      load / 100, "DCGM_FI_PROF_SM_ACTIVE": load / 115, "DCGM_FI_PROF_SM_OCCUPANCY": load / 200,
		"DCGM_FI_PROF_PIPE_TENSOR_ACTIVE": load / 180, "DCGM_FI_PROF_DRAM_ACTIVE": load / 160,
		"DCGM_FI_PROF_PIPE_FP64_ACTIVE": 0, "DCGM_FI_PROF_PIPE_FP32_ACTIVE": load / 400, "DCGM_FI_PROF_PIPE_FP16_ACTIVE": load / 500,
		"DCGM_FI_PROF_PCIE_TX_BYTES": math.Round(gpuLoad * 9e6), "DCGM_FI_PROF_PCIE_RX_BYTES": math.Round(gpuLoad * 15e6),
		"DCGM_FI_PROF_NVLINK_TX_BYTES": math.Round(gpuLoad * 1.2e9), "DCGM_FI_PROF_NVLINK_RX_BYTES": math.Round(gpuLoad * 1.3e9),
	}
	for _, quiet := range quietFields {
		values[quiet] = 0
	}
	if one.instance == nil {
		values["DCGM_FI_DEV_GPU_UTIL"] = gpuLoad
		values["DCGM_FI_DEV_MEM_COPY_UTIL"] = math.Round(gpuLoad * 0.6)
		values["DCGM_FI_DEV_ENC_UTIL"] = 0
		values["DCGM_FI_DEV_DEC_UTIL"] = 0
	}
	return values
}

// quietFields are 0 on a GPU without faults.
var quietFields = strings.Fields(`
	DCGM_FI_DEV_XID_ERRORS DCGM_FI_DEV_CLOCKS_EVENT_REASONS DCGM_FI_DEV_CLOCK_THROTTLE_REASONS DCGM_FI_DEV_PCIE_REPLAY_COUNTER DCGM_FI_DEV_VGPU_LICENSE_STATUS
	DCGM_FI_DEV_POWER_VIOLATION DCGM_FI_DEV_THERMAL_VIOLATION DCGM_FI_DEV_SYNC_BOOST_VIOLATION DCGM_FI_DEV_BOARD_LIMIT_VIOLATION
	DCGM_FI_DEV_LOW_UTIL_VIOLATION DCGM_FI_DEV_RELIABILITY_VIOLATION
	DCGM_FI_DEV_ECC_SBE_VOL_TOTAL DCGM_FI_DEV_ECC_DBE_VOL_TOTAL DCGM_FI_DEV_ECC_SBE_AGG_TOTAL DCGM_FI_DEV_ECC_DBE_AGG_TOTAL
	DCGM_FI_DEV_RETIRED_SBE DCGM_FI_DEV_RETIRED_DBE DCGM_FI_DEV_RETIRED_PENDING
	DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS DCGM_FI_DEV_ROW_REMAP_FAILURE DCGM_FI_DEV_ROW_REMAP_PENDING
	DCGM_FI_DEV_GET_GPU_RECOVERY_ACTION
	DCGM_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL DCGM_FI_DEV_NVLINK_CRC_DATA_ERROR_COUNT_TOTAL
	DCGM_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL DCGM_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL
	DCGM_FI_DEV_NVLINK_ERROR_DL_CRC DCGM_FI_DEV_NVLINK_ERROR_DL_REPLAY DCGM_FI_DEV_NVLINK_ERROR_DL_RECOVERY`)
