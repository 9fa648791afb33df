"""Segmentation networks, trained by this project."""
