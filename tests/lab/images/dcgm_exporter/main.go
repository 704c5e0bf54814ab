// A stand-in for NVIDIA's DCGM exporter on machines without a GPU: the same flags, environment, labels, units and text format, with values made up.
// Labels and units are those of DCGM exporter 4.8.2, as in https://github.com/NVIDIA/dcgm-exporter.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"math"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The container runtime brings this file and the device nodes into the container, by the lab's CDI specification.
const (
	gpusFile   = "/etc/gpu-lab/gpus.json"
	valuesFile = "/etc/gpu-lab/values.json"
)

type gpu struct {
	Index    int    `json:"index"`
	UUID     string `json:"uuid"`
	Name     string `json:"name"`
	Memory   int    `json:"memory_mib"`
	Driver   string `json:"driver_version"`
	PCIBusID string `json:"pci_bus_id"`
}

type counter struct{ field, kind, help string }

func environment(name, fallback string) string {
	if value, ok := os.LookupEnv(name); ok {
		return value
	}
	return fallback
}

// readCounters reads a counters file: field, Prometheus type, help; comments and blank lines are skipped.
func readCounters(path string) ([]counter, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var counters []counter
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		parts := strings.SplitN(line, ",", 3)
		if len(parts) != 3 {
			return nil, fmt.Errorf("malformed line in %s: %q", path, line)
		}
		counters = append(counters, counter{strings.TrimSpace(parts[0]), strings.TrimSpace(parts[1]), strings.TrimSpace(parts[2])})
	}
	return counters, lines.Err()
}

// injectedGPUs lists the GPUs whose device nodes the container runtime put into this container.
func injectedGPUs() ([]gpu, error) {
	content, err := os.ReadFile(gpusFile)
	if err != nil {
		return nil, fmt.Errorf("no GPU was given to this container: %w", err)
	}
	var all, present []gpu
	if err := json.Unmarshal(content, &all); err != nil {
		return nil, err
	}
	for _, one := range all {
		if _, err := os.Stat(fmt.Sprintf("/dev/nvidia%d", one.Index)); err == nil {
			present = append(present, one)
		}
	}
	if len(present) == 0 {
		return nil, fmt.Errorf("no GPU was given to this container: no /dev/nvidia0")
	}
	return present, nil
}

// sample makes up one GPU's values at a moment: slow waves, each GPU with a phase of its own.
func sample(one gpu, seconds float64) map[string]float64 {
	wave := (math.Sin(seconds/40+float64(one.Index)*1.7+float64(len(one.Name))) + 1) / 2
	load := math.Round(5 + 90*wave)
	used := math.Round(float64(one.Memory) * (0.1 + 0.7*wave))
	return map[string]float64{
		"DCGM_FI_DEV_GPU_UTIL": load, "DCGM_FI_DEV_MEM_COPY_UTIL": math.Round(load * 0.6), "DCGM_FI_DEV_ENC_UTIL": 0, "DCGM_FI_DEV_DEC_UTIL": 0,
		"DCGM_FI_DEV_FB_USED": used, "DCGM_FI_DEV_FB_FREE": float64(one.Memory) - used, "DCGM_FI_DEV_FB_RESERVED": 512,
		"DCGM_FI_DEV_GPU_TEMP": math.Round(35 + load*0.4), "DCGM_FI_DEV_MEMORY_TEMP": math.Round(38 + load*0.4),
		"DCGM_FI_DEV_POWER_USAGE": 60 + load*3.2, "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": math.Round(seconds * 220000),
		"DCGM_FI_DEV_SM_CLOCK": 210 + math.Round(load*12), "DCGM_FI_DEV_MEM_CLOCK": 1593,
		"DCGM_FI_DEV_XID_ERRORS": 0, "DCGM_FI_DEV_PCIE_REPLAY_COUNTER": 0, "DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL": 0, "DCGM_FI_DEV_VGPU_LICENSE_STATUS": 0,
		"DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS": 0, "DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS": 0, "DCGM_FI_DEV_ROW_REMAP_FAILURE": 0,
	}
}

// pinned holds values that a test has fixed: index of the GPU, then field.
func pinned() map[string]map[string]float64 {
	values := map[string]map[string]float64{}
	if content, err := os.ReadFile(valuesFile); err == nil {
		if err := json.Unmarshal(content, &values); err != nil {
			log.Printf("%s: %v", valuesFile, err)
		}
	}
	return values
}

// render makes the text format of one collection.
func render(gpus []gpu, counters []counter, host string, now time.Time) string {
	var text strings.Builder
	fixed := pinned()
	driverLabel := false
	for _, one := range counters {
		driverLabel = driverLabel || (one.field == "DCGM_FI_DRIVER_VERSION" && one.kind == "label")
	}
	seconds := float64(now.UnixMilli()) / 1000
	for _, one := range counters {
		if one.kind == "label" {
			continue
		}
		header := false
		for _, device := range gpus {
			value, known := sample(device, seconds)[one.field]
			if override, ok := fixed[strconv.Itoa(device.Index)][one.field]; ok {
				value, known = override, true
			}
			if !known {
				continue
			}
			if !header {
				fmt.Fprintf(&text, "# HELP %s %s\n# TYPE %s %s\n", one.field, one.help, one.field, one.kind)
				header = true
			}
			fmt.Fprintf(&text, `%s{gpu="%d",UUID="%s",pci_bus_id="%s",device="nvidia%d",modelName="%s",Hostname="%s"`,
				one.field, device.Index, device.UUID, device.PCIBusID, device.Index, device.Name, host)
			if driverLabel {
				fmt.Fprintf(&text, `,DCGM_FI_DRIVER_VERSION="%s"`, device.Driver)
			}
			fmt.Fprintf(&text, "} %s\n", strconv.FormatFloat(value, 'f', -1, 64))
		}
	}
	return text.String()
}

func main() {
	var counterFile, address string
	var interval int
	defaultInterval, err := strconv.Atoi(environment("DCGM_EXPORTER_INTERVAL", "30000"))
	if err != nil || defaultInterval <= 0 {
		log.Fatalf("DCGM_EXPORTER_INTERVAL: %q is not a number of milliseconds", os.Getenv("DCGM_EXPORTER_INTERVAL"))
	}
	for _, name := range []string{"f", "collectors"} {
		flag.StringVar(&counterFile, name, environment("DCGM_EXPORTER_COLLECTORS", "/etc/dcgm-exporter/default-counters.csv"), "counters file")
	}
	for _, name := range []string{"a", "address"} {
		flag.StringVar(&address, name, environment("DCGM_EXPORTER_LISTEN", ":9400"), "address to listen on")
	}
	for _, name := range []string{"c", "collect-interval"} {
		flag.IntVar(&interval, name, defaultInterval, "milliseconds between collections")
	}
	flag.Parse()
	log.Print("This is a stand-in for the DCGM exporter: its values are made up.")

	counters, err := readCounters(counterFile)
	if err != nil {
		log.Fatal(err)
	}
	gpus, err := injectedGPUs()
	if err != nil {
		log.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		log.Fatal(err)
	}
	host = environment("NODE_NAME", host)

	var lock sync.RWMutex
	text := render(gpus, counters, host, time.Now())
	go func() {
		for now := range time.Tick(time.Duration(interval) * time.Millisecond) {
			collected := render(gpus, counters, host, now)
			lock.Lock()
			text = collected
			lock.Unlock()
		}
	}()
	http.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) {
		lock.RLock()
		defer lock.RUnlock()
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		fmt.Fprint(w, text)
	})
	http.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "OK") })
	log.Fatal(http.ListenAndServe(address, nil))
}
