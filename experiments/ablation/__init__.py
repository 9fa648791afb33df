"""Variants of one training configuration, trained equally and laid side by side."""
