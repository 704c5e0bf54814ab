# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations


class ModuleDocFragment:
    """Options of the modules that back up and restore the data of services."""

    DOCUMENTATION = r"""
options:
  grafana_volume:
    description: Volume with Grafana's data.
    type: str
  grafana_secret_key_file:
    description: File on the host with the key with which Grafana encrypts secrets in its database.
    type: path
  prometheus_volume:
    description: Volume with the data of Prometheus.
    type: str
  alertmanager_volume:
    description: Volume with the data of Alertmanager.
    type: str
  docker_host:
    description: Socket of the Docker engine.
    type: str
    default: unix:///var/run/docker.sock
"""
