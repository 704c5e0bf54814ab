// The lab's cAdvisor: the real library behind the real command line, since the program itself is in no Go module that can be fetched.
// Flags, their defaults and what they do are those of cmd/cadvisor.go in https://github.com/google/cadvisor; flags for web pages, passwords,
// collectors' certificates and storage drivers are unknown here.
package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/google/cadvisor/cache/memory"
	"github.com/google/cadvisor/container"
	_ "github.com/google/cadvisor/container/containerd/install"
	_ "github.com/google/cadvisor/container/crio/install"
	_ "github.com/google/cadvisor/container/docker/install"
	_ "github.com/google/cadvisor/container/podman/install"
	_ "github.com/google/cadvisor/container/systemd/install"
	v2 "github.com/google/cadvisor/info/v2"
	"github.com/google/cadvisor/manager"
	"github.com/google/cadvisor/metrics"
	"github.com/google/cadvisor/utils/sysfs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
)

const version = "0.57.0"

var (
	listenIP        = flag.String("listen_ip", "", "IP address to listen on; all of them by default")
	port            = flag.Int("port", 8080, "port to listen on")
	endpoint        = flag.String("prometheus_endpoint", "/metrics", "path of the metrics")
	maxProcs        = flag.Int("max_procs", 0, "CPUs to use at the same time; all of them where it is less than 1")
	storageDuration = flag.Duration("storage_duration", 2*time.Minute, "how long to keep samples in memory")
	storeLabels     = flag.Bool("store_container_labels", true, "turn the labels and environment of containers into labels of metrics")
	allowedLabels   = flag.String("whitelisted_container_labels", "", "comma-separated labels to turn nevertheless, with --store_container_labels=false")
	environment     = flag.String("env_metadata_whitelist", "", "comma-separated beginnings of the names of environment variables to collect")
	rawPrefixes     = flag.String("raw_cgroup_prefix_whitelist", "", "comma-separated beginnings of control groups to collect with --docker_only")
	perfEvents      = flag.String("perf_events_config", "", "file that says which perf events to count")
	resctrlInterval = flag.Duration("resctrl_interval", 0, "interval between updates of resctrl's groups; none where it is zero")
	showVersion     = flag.Bool("version", false, "print the version and end")

	disabled = container.MetricSet{
		container.MemoryNumaMetrics: struct{}{}, container.NetworkTcpUsageMetrics: struct{}{}, container.NetworkUdpUsageMetrics: struct{}{},
		container.NetworkAdvancedTcpUsageMetrics: struct{}{}, container.ProcessSchedulerMetrics: struct{}{}, container.ProcessMetrics: struct{}{},
		container.HugetlbUsageMetrics: struct{}{}, container.ReferencedMemoryMetrics: struct{}{}, container.CPUTopologyMetrics: struct{}{},
		container.ResctrlMetrics: struct{}{}, container.CPUSetMetrics: struct{}{},
	}
	enabled = container.MetricSet{}
)

// families are those enabled, where any are, and otherwise all but those disabled.
func families() container.MetricSet {
	if len(enabled) > 0 {
		return enabled
	}
	return container.AllMetrics.Difference(disabled)
}

func main() {
	klog.InitFlags(nil)
	flag.Var(&disabled, "disable_metrics", "comma-separated metric families to disable, instead of those disabled by default")
	flag.Var(&enabled, "enable_metrics", "comma-separated metric families to enable; where it is given, --disable_metrics is not heeded")
	if err := flag.Set("v", "2"); err != nil {
		klog.Fatal(err)
	}
	flag.Parse()
	if *showVersion {
		fmt.Println("cAdvisor library version", version, "with the lab's main")
		os.Exit(0)
	}
	if *maxProcs < 1 {
		*maxProcs = runtime.NumCPU()
	}
	runtime.GOMAXPROCS(*maxProcs)

	included := families()
	klog.V(1).Infof("enabled metrics: %s", included.String())
	watch, err := manager.New(memory.New(*storageDuration, nil), sysfs.NewRealSysFs(), manager.HousekeepingConfigFlags, included, http.DefaultClient,
		strings.Split(*rawPrefixes, ","), strings.Split(*environment, ","), *perfEvents, *resctrlInterval)
	if err != nil {
		klog.Fatalf("Failed to create a manager: %v", err)
	}

	labels := metrics.DefaultContainerLabels
	if !*storeLabels {
		labels = metrics.BaseContainerLabels(strings.Split(*allowedLabels, ","))
	}
	options := v2.RequestOptions{IdType: v2.TypeName, Count: 1, Recursive: true}
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		metrics.NewPrometheusCollector(watch, labels, included, clock.RealClock{}, options),
		metrics.NewPrometheusMachineCollector(watch, included),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	http.Handle(*endpoint, promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}))
	http.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })

	if err := watch.Start(); err != nil {
		klog.Fatalf("Failed to start the manager: %v", err)
	}
	address := fmt.Sprintf("%s:%d", *listenIP, *port)
	klog.V(1).Infof("Starting cAdvisor %s on %s", version, address)
	klog.Fatal(http.ListenAndServe(address, nil))
}
