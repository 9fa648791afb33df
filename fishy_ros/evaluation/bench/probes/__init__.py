"""Programs that measure a running node from outside, each in a process of its own."""
