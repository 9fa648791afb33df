"""Scores of pairs of heatmap and ground truth."""
