"""Datasets with anomaly labels: one file each, one registry."""
