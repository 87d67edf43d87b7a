"""`traits diagnose`: collects findings, applies fixes, and prints findings in five formats."""
