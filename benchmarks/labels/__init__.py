"""Joining labels with predictions, and counting them: how much CPU and memory a million rows take."""
