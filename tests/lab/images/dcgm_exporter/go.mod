module mlops.gpu_monitoring/lab/dcgm_exporter

go 1.24.0
