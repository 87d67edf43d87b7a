"""Findings about config, database and running program: the table of checks, and the checks that need no sources."""
