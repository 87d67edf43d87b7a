"""Events: listeners by name pattern, and delivery."""
