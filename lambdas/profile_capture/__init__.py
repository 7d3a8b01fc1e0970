"""See handler.py."""
