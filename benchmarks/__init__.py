"""What it costs to run: measured here, never asserted by a clock in a test."""
