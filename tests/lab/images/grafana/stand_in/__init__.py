"""A stand-in for Grafana, for tests where no Grafana can be had. Part of the test lab only.

It answers the part of Grafana 12.4.0's HTTP API that the collection speaks, as recordings of a real server show it (tests/contract), and runs
panel queries against the real Prometheus.
"""
