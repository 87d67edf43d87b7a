"""`traits verify`: compares a manifest with the program that it describes; one file for each kind of fact."""

from __future__ import annotations

from sphinx_traits.resolve import Index, compose
from traits_cli.verification.columns import compare_columns
from traits_cli.verification.declarations import compare_declarations
from traits_cli.verification.effective import compare_config, compare_features
from traits_cli.verification.hooks import compare_hooks
from traits_cli.verification.listeners import compare_events, compare_signals
from traits_cli.verification.members import compare_members
from traits_cli.verification.mro import compare_mro
from traits_cli.verification.presence import compare_presence
from traits_cli.verification.program import Program, import_program
from traits_cli.verification.recorded import compare_recorded
from traits_cli.verification.records import Comparison, Count, Difference, Fact, Gap, Pair, Verification
from traits_cli.verification.winners import compare_winners

__all__ = ["Count", "Difference", "Gap", "Program", "Verification", "import_program", "verify_manifest"]


def verify_manifest(program: Program, *, patterns: tuple[str, ...] = (), write_rows: bool = True) -> Verification:
    """Compare all facts of a manifest with the program.

    Args:
        program: The program, imported and started.
        patterns: Patterns of classes that the project names models.
        write_rows: Whether rows are written to a scratch database to record the order of hooks.
    """
    comparison = Comparison()
    manifest = program.manifest
    compare_presence(program, patterns, comparison)
    _compare_classes(program, comparison)
    index = Index(manifest)
    for model in manifest.models:
        if model.name in program.classes:
            pair = Pair(model, compose(index, model.name), program.classes[model.name])
            _compare_model(pair, index, program, comparison)
            if write_rows:
                compare_recorded(pair, comparison)
    compare_declarations(program, comparison)
    return comparison.result()


def _compare_classes(program: Program, comparison: Comparison) -> None:
    for record in program.manifest.classes():
        if record.name in program.classes:
            compare_mro(record, program.classes[record.name], comparison)
            compare_members(record, program.classes[record.name], comparison)
        elif record.name in program.rebound:
            reason = f"the program binds the name to {program.rebound[record.name]}"
            comparison.skip(Fact("mro", record.name, place=record.location), reason)


def _compare_model(pair: Pair, index: Index, program: Program, comparison: Comparison) -> None:
    compare_winners(pair, comparison)
    compare_hooks(pair, comparison)
    compare_config(pair, comparison)
    compare_features(pair, comparison)
    compare_columns(pair, comparison)
    compare_events(pair, program, comparison)
    compare_signals(pair, index, program, comparison)
