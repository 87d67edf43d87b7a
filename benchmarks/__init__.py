"""Comparisons with the named peers, as ratios from one run."""
