"""Moving existing code: what a trait keeps for callers that know an older name."""

from traits_runtime.migrate.shims import Renamed, renamed

__all__ = ["Renamed", "renamed"]
