"""A worked model: the probability that a loan defaults."""
