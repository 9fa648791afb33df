"""Many settings over the same frames."""
