"""Manual changes are reverted, and nothing else is changed."""

from __future__ import annotations


def test_what_was_removed_or_changed_by_hand_comes_back(site, host, grafana, started):
    before = started()
    host("gpu2").check_output("docker rm --force cadvisor")
    config = "/etc/gpu_monitoring"
    host("gpu1").check_output(f"rm -rf {config}/node_exporter")
    host("gpu1").check_output(
        f"mv {config}/cadvisor /root/cadvisor && cp -a /root/cadvisor {config} && rm -r /root/cadvisor"
    )
    host("monitor1").check_output("sed -i s/5s/15s/ /etc/gpu_monitoring/prometheus/prometheus.yml")
    saved = grafana.dashboard()
    changed = {**saved["dashboard"], "panels": saved["dashboard"]["panels"][1:]}
    body = {"dashboard": changed, "folderUid": saved["meta"]["folderUid"], "overwrite": True}
    grafana.session.post(f"{grafana.url}/api/dashboards/db", json=body, timeout=10).raise_for_status()

    run = site("--diff")
    assert run.code == 0, run.output
    assert {name: counts["changed"] for name, counts in run.recap.items()} == {"monitor1": 2, "gpu1": 1, "gpu2": 1}
    assert "-  scrape_interval: 15s" in run.output
    assert len(grafana.dashboard()["dashboard"]["panels"]) == 4
    after = started()
    assert {service for service in before if before[service] != after[service]} == {
        ("gpu2", "cadvisor"),
        ("gpu1", "node-exporter"),
        ("gpu1", "cadvisor-proxy"),
    }
