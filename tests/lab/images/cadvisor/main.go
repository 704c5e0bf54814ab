// The lab's cAdvisor: the real library behind the real command line, since the program itself is in no Go module that can be fetched.
package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/google/cadvisor/cache/memory"
	"github.com/google/cadvisor/container"
	_ "github.com/google/cadvisor/container/containerd/install"
	_ "github.com/google/cadvisor/container/docker/install"
	v2 "github.com/google/cadvisor/info/v2"
	"github.com/google/cadvisor/manager"
	"github.com/google/cadvisor/metrics"
	"github.com/google/cadvisor/utils/sysfs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
)

const version = "0.57.0"

var (
	port            = flag.Int("port", 8080, "port to listen on")
	listenIP        = flag.String("listen_ip", "", "IP address to listen on; all of them by default")
	storageDuration = flag.Duration("storage_duration", 2*time.Minute, "how long to keep samples in memory")
	storeLabels     = flag.Bool("store_container_labels", true, "turn container labels into metric labels")
	showVersion     = flag.Bool("version", false, "print the version and end")

	// The families of the real program's default that a host without perf or resctrl has.
	enabled = container.MetricSet{
		container.CpuUsageMetrics: struct{}{}, container.PerCpuUsageMetrics: struct{}{}, container.MemoryUsageMetrics: struct{}{},
		container.CpuLoadMetrics: struct{}{}, container.DiskIOMetrics: struct{}{}, container.DiskUsageMetrics: struct{}{},
		container.NetworkUsageMetrics: struct{}{}, container.OOMMetrics: struct{}{},
	}
	disabled = container.MetricSet{}
)

// fresh empties the set at the first value given, as the real program's flag does.
type fresh struct {
	set   *container.MetricSet
	given bool
}

func (f *fresh) String() string { return "" }

func (f *fresh) Set(value string) error {
	if !f.given {
		*f.set, f.given = container.MetricSet{}, true
	}
	return f.set.Set(value)
}

func main() {
	klog.InitFlags(nil)
	flag.Var(&fresh{set: &enabled}, "enable_metrics", "comma-separated metric families to enable")
	flag.Var(&fresh{set: &disabled}, "disable_metrics", "comma-separated metric families to disable")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "unexpected arguments: %s\n", strings.Join(flag.Args(), " "))
		os.Exit(2)
	}
	if *showVersion {
		fmt.Println("cAdvisor library version", version, "with the lab's main")
		return
	}

	included := enabled.Difference(disabled)
	watch, err := manager.New(memory.New(*storageDuration, nil), sysfs.NewRealSysFs(), manager.HousekeepingConfigFlags, included,
		http.DefaultClient, []string{""}, []string{""}, "", 0)
	if err != nil {
		klog.Fatalf("Failed to create a manager: %v", err)
	}
	if err := watch.Start(); err != nil {
		klog.Fatalf("Failed to start the manager: %v", err)
	}

	labels := metrics.DefaultContainerLabels
	if !*storeLabels {
		labels = metrics.BaseContainerLabels(nil)
	}
	options := v2.RequestOptions{IdType: v2.TypeName, Count: 1, Recursive: true}
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		metrics.NewPrometheusCollector(watch, labels, included, clock.RealClock{}, options),
		metrics.NewPrometheusMachineCollector(watch, included),
	)
	http.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}))
	http.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	address := fmt.Sprintf("%s:%d", *listenIP, *port)
	klog.Infof("Starting cAdvisor %s on %s", version, address)
	klog.Fatal(http.ListenAndServe(address, nil))
}
