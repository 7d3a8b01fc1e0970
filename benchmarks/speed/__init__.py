"""Ours beside the peers and the floor: CPU, memory and import time on the same files."""
