"""Sphinx documentation of trait-based models, read from their sources without importing them."""
