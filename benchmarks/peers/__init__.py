"""The peers' own code on our files: each installed in an environment of its own, run as a child process."""
