"""Metrics of anomaly score maps and segmentations; numpy and scipy only."""
