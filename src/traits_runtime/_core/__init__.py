"""The mechanisms behind the public names; import them from ``traits_runtime``."""
