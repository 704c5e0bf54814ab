"""The registry and the package repository that all labs of this machine share."""

from __future__ import annotations

import http.client

from tests.lab.shell import run, succeeds, wait_for

NAME = "gpu-monitoring-lab-services"
NETWORK = "gpu-monitoring-lab"
SUBNET = "10.213.77.0/24"
ADDRESS = "10.213.77.2"
# This machine, as seen from the hosts of labs.
GATEWAY = "10.213.77.1"


def ensure_network() -> None:
    """Make the network of all labs."""
    if not succeeds("docker", "network", "inspect", NETWORK):
        run("docker", "network", "create", "--subnet", SUBNET, "--gateway", GATEWAY, NETWORK)


def start(image: str, apt_folder: str) -> str:
    """Run the services from this image, and return the registry's address for this machine's engine."""
    ensure_network()
    labels = f"{image} {apt_folder}"
    if run("docker", "inspect", "--format", '{{index .Config.Labels "lab"}}', NAME, check=False) != labels:
        run("docker", "rm", "--force", NAME, check=False)
        run(
            *(
                "docker",
                "run",
                "--detach",
                "--name",
                NAME,
                "--label",
                f"lab={labels}",
                "--network",
                NETWORK,
                "--ip",
                ADDRESS,
            ),
            *("--network-alias", "registry.lab", "--network-alias", "apt.lab", "--publish", "127.0.0.1::5000"),
            *("--volume", f"{NAME}:/var/lib/docker-registry", "--volume", f"{apt_folder}:/srv/nvidia:ro", image),
        )
    run("docker", "start", NAME)
    address = run("docker", "port", NAME, "5000/tcp").splitlines()[0]
    wait_for(lambda: registry_answers(address), "the lab's registry answering", 30)
    return address


def publish(folder: str, name: str) -> None:
    """Serve a folder as http://apt.lab/NAME/."""
    run("docker", "exec", NAME, "rm", "-rf", f"/srv/{name}")
    run("docker", "cp", folder, f"{NAME}:/srv/{name}")


def registry_answers(address: str, status: int = 200) -> bool:
    """Whether a registry answers with a status: 200, or 401 if it wants a login."""
    connection = http.client.HTTPConnection(address, timeout=2)
    try:
        connection.request("GET", "/v2/")
        return connection.getresponse().status == status
    except OSError:
        return False
    finally:
        connection.close()


def remove() -> None:
    """Remove the services, with the registry's content, and the network."""
    run("docker", "rm", "--force", NAME, check=False)
    run("docker", "volume", "rm", NAME, check=False)
    run("docker", "network", "rm", NETWORK, check=False)
