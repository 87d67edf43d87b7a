"""`traits completion`: scripts that let a shell complete commands, models, traits and keys."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import redirect_stderr
from io import StringIO
from typing import TYPE_CHECKING, Any, Literal

import click
from click.shell_completion import CompletionItem, get_completion_class

from traits_cli.base import COMPLETING, Sources

if TYPE_CHECKING:
    from traits_cli.key_catalog import Known

PROGRAM = "traits"

INSTRUCTIONS = {
    "bash": "Add to ~/.bashrc:  eval \"$(traits completion bash)\"",
    "zsh": "Add to ~/.zshrc:  eval \"$(traits completion zsh)\"",
    "fish": "Write it to ~/.config/fish/completions/traits.fish",
    "powershell": "Add to $PROFILE:  traits completion powershell | Out-String | Invoke-Expression",
}  # fmt: skip


@click.command()
@click.argument("shell", type=click.Choice(list(INSTRUCTIONS)))
def completion(shell: str) -> None:
    """Print the script that lets a shell complete commands, options, models, traits and keys.

    \b
    Examples:
      eval "$(traits completion bash)"
      traits completion fish > ~/.config/fish/completions/traits.fish
    """
    completion_class = get_completion_class(shell)
    if completion_class is None:
        raise TypeError(f"click knows no {shell}")
    root = click.get_current_context().find_root().command
    maker = completion_class(root, {}, PROGRAM, COMPLETING)
    click.echo(maker.source_template % maker.source_vars())
    click.echo(INSTRUCTIONS[shell], err=True)


def completes(
    names: Literal["class_names", "feature_names", "key_names", "model_names"],
) -> Callable[..., list[CompletionItem]]:
    """A completion of names that the sources declare; offers nothing where they cannot be read.

    Args:
        names: Which names of what is `Known`.
    """

    def complete(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
        try:
            with redirect_stderr(StringIO()):
                full_names: list[str] = getattr(_read(ctx), names)()
        except (Exception, SystemExit):
            return []
        candidates = {name for full in full_names for name in (full, _shorter(full)) if name.startswith(incomplete)}
        return [CompletionItem(name) for name in sorted(candidates)]

    return complete


def _shorter(name: str) -> str:
    return name.rpartition(".")[2] if name.count(".") > 1 else name


def _read(ctx: click.Context) -> Known:
    from traits_cli.key_catalog import static

    params: dict[str, Any] = ctx.params
    return static(
        Sources(params.get("project_dir"), params.get("search_paths") or (), tuple(params.get("package") or ()))
    )
