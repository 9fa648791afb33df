"""Measurements: stages, runtimes, settings, the path through the bus, and how near the machine's limit they come."""
