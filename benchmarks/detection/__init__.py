"""How often the drift monitor is right, by simulation: `python -m benchmarks.detection --help`."""
