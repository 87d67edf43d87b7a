"""Trait-based models: classes composed of traits that bring declared behaviour with them."""
