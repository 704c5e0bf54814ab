// A stand-in for NVIDIA's DCGM exporter on machines without a GPU: the same flags, environment, fields, labels, units and text format, with values made up.
// It follows https://github.com/NVIDIA/dcgm-exporter. GPU_LAB_VOCABULARY says whose fields and labels it has: those of 4.8.2, 4.8.3 or 4.9.
package main

import (
	"flag"
	"fmt"
	"log"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/exporter-toolkit/web"
)

func environment(name, fallback string) string {
	if value, ok := os.LookupEnv(name); ok {
		return value
	}
	return fallback
}

func main() {
	var counterFile, address, webConfig string
	var interval int
	defaultInterval, err := strconv.Atoi(environment("DCGM_EXPORTER_INTERVAL", "30000"))
	if err != nil || defaultInterval <= 0 {
		log.Fatalf("DCGM_EXPORTER_INTERVAL: %q is not a number of milliseconds", os.Getenv("DCGM_EXPORTER_INTERVAL"))
	}
	words, ok := vocabularies[environment("GPU_LAB_VOCABULARY", "4.8.2")]
	if !ok {
		log.Fatalf("GPU_LAB_VOCABULARY: %q is not one of %v", os.Getenv("GPU_LAB_VOCABULARY"), slices.Sorted(maps.Keys(vocabularies)))
	}
	for _, name := range []string{"f", "collectors"} {
		flag.StringVar(&counterFile, name, environment("DCGM_EXPORTER_COLLECTORS", words.defaultCounters), "counters file")
	}
	for _, name := range []string{"a", "address"} {
		flag.StringVar(&address, name, environment("DCGM_EXPORTER_LISTEN", ":9400"), "address to listen on")
	}
	for _, name := range []string{"c", "collect-interval"} {
		flag.IntVar(&interval, name, defaultInterval, "milliseconds between collections")
	}
	flag.StringVar(&webConfig, "web-config-file", environment("DCGM_EXPORTER_WEB_CONFIG_FILE", ""), "TLS and basic authentication")
	flag.Parse()
	log.Print("This is a stand-in for the DCGM exporter: its values are made up.")

	counters, err := readCounters(counterFile, words)
	if err != nil {
		log.Fatal(err)
	}
	first, err := readState()
	if err != nil {
		log.Fatal(err)
	}
	monitored := first.entities()
	if len(monitored) == 0 {
		log.Fatal("no GPU was given to this container: no /dev/nvidia0")
	}
	host, err := os.Hostname()
	if err != nil {
		log.Fatal(err)
	}
	collecting := newCollector(environment("NODE_NAME", host), words, counters, monitored)

	var lock sync.RWMutex
	text := collecting.render(first, time.Now())
	go func() {
		for moment := range time.Tick(time.Duration(interval) * time.Millisecond) {
			now, err := readState()
			if err != nil {
				log.Print(err)
			}
			if err != nil || now.frozen {
				continue
			}
			collected := collecting.render(now, moment)
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
	toolkit := &web.FlagConfig{WebListenAddresses: &[]string{address}, WebSystemdSocket: new(bool), WebConfigFile: &webConfig}
	log.Fatal(web.ListenAndServe(&http.Server{}, toolkit, slog.Default()))
}
