"""A monitoring host whose engine maps the users of containers to others of the host (`userns-remap`)."""

from __future__ import annotations

import json

import pytest

from tests.stack import on, wait_until

HOST = "monitor1"
DAEMON = "/etc/docker/daemon.json"
FILES = (
    "cd /etc/gpu_monitoring && stat -c '%n %u' grafana/secret_key alertmanager/web/tls.key"
    " prometheus/web/tls.key node_exporter/tls.key"
)

pytestmark = pytest.mark.long


def restart_with(daemon: dict[str, object]) -> None:
    # The engine keeps other containers for remapped users. Those of the other folder would not start after a second
    # change.
    on(
        HOST,
        f"docker ps -aq | xargs -r docker rm -f; echo '{json.dumps(daemon)}' >{DAEMON} && systemctl restart docker",
    )


@pytest.fixture
def remapped(site):
    """Has the engine remap users, and leaves the stack as converge made it."""
    before = json.loads(on(HOST, f"cat {DAEMON}"))
    restart_with({**before, "userns-remap": "default"})
    yield int(on(HOST, "docker info --format '{{.DockerRootDir}}'").strip().rpartition(".")[2])
    restart_with(before)
    assert site(f"--limit={HOST}").code == 0


def test_services_run_for_remapped_users_and_those_that_read_the_host_for_its_own(remapped, site, prometheus):
    first = site(f"--limit={HOST}")
    assert first.code == 0, first.output
    owners = {line.partition("/")[0]: int(line.split()[1]) for line in on(HOST, FILES).splitlines()}
    assert owners == {
        "grafana": remapped + 472,
        "alertmanager": remapped + 65534,
        "prometheus": remapped + 65534,
        "node_exporter": 65534,
    }
    modes = on(
        HOST,
        "docker inspect --format '{{.Name}} {{.HostConfig.UsernsMode}}' node-exporter alertmanager prometheus grafana",
    ).split("\n")
    assert [line.strip() for line in modes if line] == [
        "/node-exporter host",
        "/alertmanager",
        "/prometheus",
        "/grafana",
    ]
    # The processes are not those that the files are named after, unless the engine really remaps them.
    assert on(HOST, "stat -c %u /proc/$(docker inspect --format '{{.State.Pid}}' prometheus)").strip() == str(
        remapped + 65534
    )
    wait_until(lambda: set(prometheus.health().values()) == {"up"}, lambda: str(prometheus.health()))
    assert site(f"--limit={HOST}").recap[HOST]["changed"] == 0
