"""Diagnose: what can be wrong, how it is found in a running application, and how it is put right."""
