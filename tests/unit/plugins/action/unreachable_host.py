"""The variables of a host that cannot be reached."""

# Nothing listens on this port of the controller, so that SSH is refused at once.
UNREACHABLE = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 9}
