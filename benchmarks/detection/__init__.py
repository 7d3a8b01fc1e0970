"""How often the drift monitor is right: false alarms and power by simulation. `python -m benchmarks.detection --help`."""
