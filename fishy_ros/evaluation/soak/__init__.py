"""Hours of replay under faults."""
