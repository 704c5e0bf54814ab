"""The lab from the command line: up, down, ssh, ensure-engine."""

from __future__ import annotations

import argparse
import os
import sys
import time

from tests.lab import engine, hosts, images, services
from tests.lab.shell import LabError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("ensure-engine", help="have a Docker engine running on this machine")
    up = commands.add_parser("up", help="build what is missing and start three hosts")
    down = commands.add_parser("down", help="remove the hosts with their data")
    ssh = commands.add_parser("ssh", help="log in to a host, or run a command on it")
    for command in (up, down, ssh):
        command.add_argument("--name", default="demo", choices=hosts.LABS, help="which lab")
    down.add_argument("--services", action="store_true", help="remove the registry and the package repository as well")
    ssh.add_argument("host", choices=hosts.HOSTS)
    ssh.add_argument("remote", nargs=argparse.REMAINDER)
    given = parser.parse_args()

    if given.command == "ssh":
        command = hosts.ssh_command(given.name, given.host) + given.remote
        os.execvp(command[0], command)
    begin = time.monotonic()
    engine.ensure()
    if given.command == "up":
        engine.allow_labs()
        built = images.build_all()
        images.push(built, services.start(built["services"], built["toolkit"]))
        addresses = hosts.up(given.name, built, images.variables(built))
        print(
            f"The lab {given.name} is up after {time.monotonic() - begin:.0f} s:"
            f" {', '.join(f'{host} {ip}' for host, ip in addresses.items())}"
        )
        print(images.table(built))
    elif given.command == "down":
        hosts.down(given.name)
        if given.services:
            services.remove()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        sys.exit(f"tests.lab: {error}")
