"""What the benchmark of a fleet starts, reads and asks."""
