"""Frames with their ground truth, from data sets and from bags."""
