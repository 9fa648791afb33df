"""Drift: whether what a camera sees, and what the network says of it, is like the training data."""
