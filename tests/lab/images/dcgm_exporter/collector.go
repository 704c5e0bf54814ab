package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Milliseconds in which XIDs and clock events are counted: the exporter's default.
const window = 300000

// xidMessages are the exporter's texts for the codes that tests and alerts name.
var xidMessages = map[int]string{
	0: "No Error", 13: "Graphics Engine Exception", 31: "GPU memory page fault", 43: "GPU stopped processing",
	45: "Preemptive cleanup, due to previous errors -- Most likely to see when running multiple cuda", 48: "Double Bit ECC Error",
	62: "Internal micro-controller halt", 63: "ECC page retirement or row remapping recording event",
	64: "ECC page retirement or row remapper recording failure", 74: "NVLINK Error", 79: "GPU has fallen off the bus",
	92: "High single-bit ECC error rate", 94: "Contained ECC error", 95: "Uncontained ECC error", 119: "GSP RPC Timeout", 120: "GSP Error",
	140: "Unrecovered ECC Error", 143: "GPU Initialization Failure",
}

var clockReasons = []string{
	"gpu_idle", "clocks_setting", "power_cap", "hw_slowdown", "sync_boost", "sw_thermal", "hw_thermal", "hw_power_brake", "display_clocks",
}

var healthWatches = []string{"PCIE", "NVLINK", "PMU", "MCU", "MEM", "SM", "INFOROM", "THERMAL", "POWER", "DRIVER"}

type event struct {
	at   time.Time
	what string
}

// collector renders collections and keeps what happened before, by entity.
type collector struct {
	host      string
	words     vocabulary
	counters  []counter
	monitored []entity
	lastXID   map[string]int
	xids      map[string][]event
	clocks    map[string][]event
}

func newCollector(host string, words vocabulary, counters []counter, monitored []entity) *collector {
	return &collector{host, words, counters, monitored, map[string]int{}, map[string][]event{}, map[string][]event{}}
}

// values are an entity's: made up, and over them those that the state fixes for it or its GPU.
func values(now state, one entity, moment time.Time) map[string]float64 {
	all := sample(one, float64(moment.UnixMilli())/1000)
	maps.Copy(all, now.values[strconv.Itoa(one.minor)])
	maps.Copy(all, now.values[one.key()])
	for field := range now.absent {
		delete(all, field)
	}
	if one.instance != nil {
		for _, field := range []string{"DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_MEM_COPY_UTIL", "DCGM_FI_DEV_ENC_UTIL", "DCGM_FI_DEV_DEC_UTIL"} {
			delete(all, field)
		}
	}
	return all
}

// observe remembers new XIDs and the present reasons for slow clocks.
func (c *collector) observe(key string, all map[string]float64, moment time.Time) {
	if xid := int(all["DCGM_FI_DEV_XID_ERRORS"]); xid != c.lastXID[key] {
		c.lastXID[key] = xid
		if xid != 0 {
			c.xids[key] = append(c.xids[key], event{moment, strconv.Itoa(xid)})
		}
	}
	for bit, reason := range clockReasons {
		if int(all["DCGM_FI_DEV_CLOCKS_EVENT_REASONS"])&(1<<bit) != 0 {
			c.clocks[key] = append(c.clocks[key], event{moment, reason})
		}
	}
	c.clocks[key] = slices.DeleteFunc(c.clocks[key], func(one event) bool { return moment.Sub(one.at).Milliseconds() > window })
}

// counted is how often each thing happened, at most `milliseconds` ago if that is not 0; one nameless 0 if none did.
func counted(events []event, moment time.Time, milliseconds int64) map[string]float64 {
	counts := map[string]float64{}
	for _, one := range events {
		if milliseconds == 0 || moment.Sub(one.at).Milliseconds() <= milliseconds {
			counts[one.what]++
		}
	}
	if len(counts) == 0 {
		counts[""] = 0
	}
	return counts
}

// render makes the text format of one collection. Entities of the start that no longer exist have no series.
func (c *collector) render(now state, moment time.Time) string {
	present := map[string]entity{}
	for _, one := range now.entities() {
		present[one.uuid+one.key()] = one
	}
	all := map[string]map[string]float64{}
	for _, one := range c.monitored {
		if _, ok := present[one.uuid+one.key()]; ok {
			all[one.key()] = values(now, one, moment)
			c.observe(one.key(), all[one.key()], moment)
		}
	}
	var text strings.Builder
	for _, row := range c.counters {
		if row.kind == "label" || now.absent[row.field] {
			continue
		}
		header := fmt.Sprintf("# HELP %s %s\n# TYPE %s %s\n", row.field, row.help, row.field, row.kind)
		for _, one := range c.monitored {
			if all[one.key()] == nil {
				continue
			}
			for _, line := range c.samples(row.field, one, all[one.key()], moment) {
				fmt.Fprintf(&text, "%s%s{%s%s} %s\n", header, row.field, c.labels(now, one), line.labels, strconv.FormatFloat(math.Round(line.value*1e6)/1e6, 'f', -1, 64))
				header = ""
			}
		}
	}
	return text.String()
}

type line struct {
	labels string
	value  float64
}

// samples are the series of one field and entity, with the labels of their own.
func (c *collector) samples(field string, one entity, all map[string]float64, moment time.Time) []line {
	var lines []line
	switch field {
	case xidCount, xidTotal, clockEvents:
		events, label, since := c.xids[one.key()], "xid", int64(window)
		if field == clockEvents {
			events, label = c.clocks[one.key()], "clock_event"
		}
		own := fmt.Sprintf(`,window_size_in_ms="%d"`, window)
		if field == xidTotal {
			since, own = 0, ""
		}
		counts := counted(events, moment, since)
		for _, what := range slices.Sorted(maps.Keys(counts)) {
			if what == "" {
				lines = append(lines, line{own, 0})
			} else {
				lines = append(lines, line{fmt.Sprintf(`%s,%s="%s"`, own, label, what), counts[what]})
			}
		}
	case health:
		for _, watch := range healthWatches {
			value, code := all[health+":"+watch], "DCGM_FR_OK"
			if value != 0 {
				code = "DCGM_FR_UNKNOWN"
			}
			lines = append(lines, line{fmt.Sprintf(`,health_error_code="%s",health_watch="%s"`, code, watch), value})
		}
	default:
		old, factor := field, 1.0
		if renamed, ok := renames[field]; ok {
			old, factor = renamed.old, renamed.factor
		}
		value, ok := all[old]
		if !ok {
			return nil
		}
		own := ""
		if old == "DCGM_FI_DEV_XID_ERRORS" {
			message, known := xidMessages[int(value)]
			if !known {
				message = "Unknown Error"
			}
			own = fmt.Sprintf(`,err_code="%d",err_msg="%s"`, int(value), message)
		}
		lines = append(lines, line{own, value * factor})
	}
	return lines
}

// labels are those that every series of an entity has.
func (c *collector) labels(now state, one entity) string {
	text := fmt.Sprintf(`gpu="%d",UUID="%s",pci_bus_id="%s",device="nvidia%d",modelName="%s"`, one.index, one.uuid, one.pciBusID, one.index, one.name)
	if one.instance != nil {
		text += fmt.Sprintf(`,GPU_I_PROFILE="%s",GPU_I_ID="%d"`, one.instance.profile, one.instance.gi)
	}
	text += fmt.Sprintf(`,%s="%s"`, c.words.hostLabel, c.host)
	for _, row := range c.counters {
		if row.kind == "label" {
			text += fmt.Sprintf(`,%s="%s"`, row.field, labelFields[row.field](now))
		}
	}
	return text
}
