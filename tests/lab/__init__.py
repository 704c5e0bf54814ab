"""Three hosts with everything that a site would have, on one machine: see `python -m tests.lab --help`."""
