"""Traits and what their class bodies hold: hooks, config, features, events, jobs."""
