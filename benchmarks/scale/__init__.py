"""How cost and time grow with rows, features and windows: slopes measured here, and what they come to at scale."""
