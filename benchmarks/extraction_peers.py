"""What other static readers make of the same classes; run as TOOL SITE OUTPUT TRUTH PACKAGES..."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any


def main() -> None:
    """Write the MRO of each class in a truth, as one tool sees it, and the CPU seconds it took."""
    tool, site, output, truth, *packages = sys.argv[1:]
    sys.setrecursionlimit(20_000)
    logging.disable(logging.CRITICAL)
    with open(truth, encoding="utf-8") as file:
        names = list(json.load(file)["classes"])
    began = time.process_time()
    found = {"griffe": by_griffe, "astroid": by_astroid}[tool](site, names, packages)
    with open(output, "w", encoding="utf-8") as file:
        json.dump({"cpu": time.process_time() - began, "classes": found}, file)


def by_griffe(site: str, names: list[str], packages: list[str]) -> dict[str, list[str]]:
    """Griffe's own loader, aliases resolved, and `Class.mro()`."""
    import griffe

    loader = griffe.GriffeLoader(search_paths=[site], allow_inspection=False)
    for package in dict.fromkeys(one.partition(".")[0] for one in packages):
        try:
            loader.load(package, try_relative_path=False)
        except Exception as error:  # a load that aborts leaves what it had
            print(package, type(error).__name__, file=sys.stderr)
    loader.resolve_aliases(implicit=True, external=False)
    found: dict[str, list[str]] = {}
    for name in names:
        try:
            made: Any = loader.modules_collection.get_member(name)
            made = made.final_target if made.is_alias else made
            found[name] = [made.path, *(one.path for one in made.mro())]
        except Exception:
            continue
    return found


def by_astroid(site: str, names: list[str], packages: list[str]) -> dict[str, list[str]]:
    """Astroid's `ClassDef.mro()`."""
    import astroid

    sys.path.insert(0, site)
    found: dict[str, list[str]] = {}
    for name in names:
        try:
            module, parts = _module_of(astroid, name)
            node = module
            for part in parts:
                node = node.getattr(part)[-1] if node is module else node.getattr(part)[0]
            node = next(node.infer()) if not isinstance(node, astroid.nodes.ClassDef) else node
            found[name] = [one.qname() for one in node.mro()]
        except (Exception, RecursionError):
            continue
    return found


def _module_of(astroid: Any, name: str) -> tuple[Any, list[str]]:
    parts = name.split(".")
    for length in range(len(parts) - 1, 0, -1):
        try:
            return astroid.MANAGER.ast_from_module_name(".".join(parts[:length])), parts[length:]
        except astroid.AstroidError:
            continue
    raise LookupError(name)


main()
