"""Migration of existing code: shims for old names of members, codemods, and the journal of migrations."""

from traits_runtime.migrate.shims import Renamed, renamed

__all__ = ["Renamed", "renamed"]
