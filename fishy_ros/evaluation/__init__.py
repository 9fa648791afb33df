"""Replay of recordings through the detector, and the report of what it published."""
