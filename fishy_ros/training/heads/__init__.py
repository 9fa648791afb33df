"""Anomaly scores as torch modules that are fused into the exported graph."""
