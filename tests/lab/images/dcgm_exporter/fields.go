package main

import (
	"encoding/csv"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"
)

// vocabulary is what changed between the exporter's versions: the label with the host's name, and names and units of fields.
// Sources: https://github.com/NVIDIA/dcgm-exporter/releases and https://docs.nvidia.com/datacenter/dcgm/latest/dcgm-api/dcgm-api-field-ids.html.
type vocabulary struct {
	hostLabel       string
	renamed         bool
	defaultCounters string
}

var vocabularies = map[string]vocabulary{
	"4.8.2": {"Hostname", false, "/etc/dcgm-exporter/default-counters.csv"},
	"4.8.3": {"hostname", false, "/etc/dcgm-exporter/default-counters.csv"},
	"4.9":   {"hostname", true, "/etc/dcgm-exporter/default-counters-4.9.csv"},
}

// renames are the fields that 4.9 knows by a new name too, with the factor to the new unit.
var renames = map[string]struct {
	old    string
	factor float64
}{
	"DCGM_FI_DEV_SM_CLOCK_HERTZ":                     {"DCGM_FI_DEV_SM_CLOCK", 1e6},
	"DCGM_FI_DEV_MEMORY_CLOCK_HERTZ":                 {"DCGM_FI_DEV_MEM_CLOCK", 1e6},
	"DCGM_FI_DEV_GPU_TEMP_CELSIUS":                   {"DCGM_FI_DEV_GPU_TEMP", 1},
	"DCGM_FI_DEV_MEMORY_TEMP_CELSIUS":                {"DCGM_FI_DEV_MEMORY_TEMP", 1},
	"DCGM_FI_DEV_BOARD_POWER_WATTS":                  {"DCGM_FI_DEV_POWER_USAGE", 1},
	"DCGM_FI_DEV_GPU_ENERGY_JOULES_TOTAL":            {"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", 1e-3},
	"DCGM_FI_DEV_PCIE_REPLAY_TOTAL":                  {"DCGM_FI_DEV_PCIE_REPLAY_COUNTER", 1},
	"DCGM_FI_DEV_GPU_UTIL_RATIO":                     {"DCGM_FI_DEV_GPU_UTIL", 1e-2},
	"DCGM_FI_DEV_MEMORY_UTIL_RATIO":                  {"DCGM_FI_DEV_MEM_COPY_UTIL", 1e-2},
	"DCGM_FI_DEV_ENC_UTIL_RATIO":                     {"DCGM_FI_DEV_ENC_UTIL", 1e-2},
	"DCGM_FI_DEV_DEC_UTIL_RATIO":                     {"DCGM_FI_DEV_DEC_UTIL", 1e-2},
	"DCGM_FI_DEV_XID_ERROR":                          {"DCGM_FI_DEV_XID_ERRORS", 1},
	"DCGM_FI_DEV_FB_CAPACITY_BYTES":                  {"DCGM_FI_DEV_FB_TOTAL", 1 << 20},
	"DCGM_FI_DEV_FB_FREE_BYTES":                      {"DCGM_FI_DEV_FB_FREE", 1 << 20},
	"DCGM_FI_DEV_FB_USED_BYTES":                      {"DCGM_FI_DEV_FB_USED", 1 << 20},
	"DCGM_FI_DEV_FB_RESERVED_BYTES":                  {"DCGM_FI_DEV_FB_RESERVED", 1 << 20},
	"DCGM_FI_DEV_PAGE_RETIRED_SBE_TOTAL":             {"DCGM_FI_DEV_RETIRED_SBE", 1},
	"DCGM_FI_DEV_PAGE_RETIRED_DBE_TOTAL":             {"DCGM_FI_DEV_RETIRED_DBE", 1},
	"DCGM_FI_DEV_PAGE_RETIRED_PENDING":               {"DCGM_FI_DEV_RETIRED_PENDING", 1},
	"DCGM_FI_DEV_ROW_REMAP_UNCORRECTABLE_TOTAL":      {"DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS", 1},
	"DCGM_FI_DEV_ROW_REMAP_CORRECTABLE_TOTAL":        {"DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS", 1},
	"DCGM_FI_DEV_ROW_REMAP_FAILED":                   {"DCGM_FI_DEV_ROW_REMAP_FAILURE", 1},
	"DCGM_FI_DEV_GPU_RECOVERY_ACTION":                {"DCGM_FI_DEV_GET_GPU_RECOVERY_ACTION", 1},
	"DCGM_FI_DEV_NVLINK_THROUGHPUT_BYTES_PER_SECOND": {"DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL", 1e6},
	"DCGM_FI_DEV_NVLINK_REPLAY_TOTAL":                {"DCGM_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL", 1},
	"DCGM_FI_DEV_NVLINK_RECOVERY_TOTAL":              {"DCGM_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL", 1},
	"DCGM_FI_DEV_GPU_POWER_THROTTLE_SECONDS_TOTAL":   {"DCGM_FI_DEV_POWER_VIOLATION", 1e-9},
	"DCGM_FI_DEV_GPU_THERMAL_THROTTLE_SECONDS_TOTAL": {"DCGM_FI_DEV_THERMAL_VIOLATION", 1e-9},
	"DCGM_FI_PROF_GR_ENGINE_UTIL_RATIO":              {"DCGM_FI_PROF_GR_ENGINE_ACTIVE", 1},
	"DCGM_FI_PROF_SM_UTIL_RATIO":                     {"DCGM_FI_PROF_SM_ACTIVE", 1},
	"DCGM_FI_PROF_SM_OCCUPANCY_RATIO":                {"DCGM_FI_PROF_SM_OCCUPANCY", 1},
	"DCGM_FI_PROF_TENSOR_UTIL_RATIO":                 {"DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", 1},
	"DCGM_FI_PROF_DRAM_UTIL_RATIO":                   {"DCGM_FI_PROF_DRAM_ACTIVE", 1},
	"DCGM_FI_PROF_FP64_UTIL_RATIO":                   {"DCGM_FI_PROF_PIPE_FP64_ACTIVE", 1},
	"DCGM_FI_PROF_FP32_UTIL_RATIO":                   {"DCGM_FI_PROF_PIPE_FP32_ACTIVE", 1},
}

// Fields that the exporter computes itself.
const (
	xidCount    = "DCGM_EXP_XID_ERRORS_COUNT"
	xidTotal    = "DCGM_EXP_XID_ERRORS_TOTAL" // from 4.8.3
	clockEvents = "DCGM_EXP_CLOCK_EVENTS_COUNT"
	health      = "DCGM_EXP_GPU_HEALTH_STATUS"
)

// labelFields are rows that become labels.
var labelFields = map[string]func(state) string{
	"DCGM_FI_DRIVER_VERSION":        func(s state) string { return s.driver },
	"DCGM_FI_SYSTEM_DRIVER_VERSION": func(s state) string { return s.driver }, // 4.9
}

// knows tells whether an exporter of this vocabulary has a field.
func (v vocabulary) knows(field string) bool {
	if _, ok := renames[field]; ok {
		return v.renamed
	}
	switch field {
	case xidCount, clockEvents, health, "DCGM_FI_DRIVER_VERSION":
		return true
	case xidTotal:
		return v.hostLabel == "hostname"
	case "DCGM_FI_SYSTEM_DRIVER_VERSION":
		return v.renamed
	}
	_, ok := sample(entity{}, 0)[field]
	return ok
}

type counter struct{ field, kind, help string }

// readCounters reads a counters file: field, Prometheus type, help. As in the exporter, an unknown field is an error,
// and the profiling fields are left out where the process may not read them.
func readCounters(path string, words vocabulary) ([]counter, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	reader := csv.NewReader(file)
	reader.Comment = '#'
	rows, err := reader.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("could not read metrics file '%s'; err: %w", path, err)
	}
	profiling := mayProfile()
	var counters []counter
	for i, row := range rows {
		if len(row) != 3 {
			return nil, fmt.Errorf("malformed CSV record; err: failed to parse line %d (`%v`), expected 3 fields", i, row)
		}
		one := counter{strings.TrimSpace(row[0]), strings.TrimSpace(row[1]), strings.TrimSpace(row[2])}
		if !words.knows(one.field) {
			return nil, fmt.Errorf("could not find DCGM field; err: unknown field '%s' (this stand-in knows fewer than the exporter: tests/lab/images/dcgm_exporter)", one.field)
		}
		if !slices.Contains([]string{"gauge", "counter", "histogram", "summary", "label"}, one.kind) {
			return nil, fmt.Errorf("could not find Prometheus metric type '%s'", one.kind)
		}
		if strings.HasPrefix(one.field, "DCGM_FI_PROF_") && !profiling {
			log.Printf("Skipping line %d ('%s'): metric not enabled", i, one.field)
			continue
		}
		counters = append(counters, one)
	}
	return counters, nil
}

// mayProfile tells whether the process has CAP_SYS_ADMIN, which the profiling fields need.
func mayProfile() bool {
	const sysAdmin = 21
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return false
	}
	var capabilities uint64
	_, rest, _ := strings.Cut(string(status), "CapEff:")
	fmt.Sscanf(strings.TrimSpace(rest), "%x", &capabilities)
	return capabilities&(1<<sysAdmin) != 0
}
