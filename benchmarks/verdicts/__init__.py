"""How often every tool raises an alert, on windows of which we know what happened; all judge the same files."""
