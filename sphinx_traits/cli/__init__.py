"""The sub-commands of `traits` that read sources."""
