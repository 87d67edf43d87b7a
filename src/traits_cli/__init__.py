"""The command `traits`: it reads sources, config, databases and running programs through both packages."""

from __future__ import annotations

import sys
from typing import NoReturn


def launch() -> NoReturn:
    """Run the command line; the entry point of the console script and of ``python -m traits_cli``.

    Imports no third-party module before a missing one can be reported.
    """
    try:
        from traits_cli.commands import main
    except ImportError as error:
        from traits_cli.extras import import_problem

        sentence = import_problem(error)
        if not sentence:
            raise
        sys.exit(_report(sentence))
    main(prog_name="traits")
    raise AssertionError("click ends the process")


def _report(sentence: str) -> int:
    print(f"Error: {sentence}", file=sys.stderr)
    return 2
