"""The `traits_*` values of `conf.py`: one record that registers, checks and carries them."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from sphinx_traits._sphinx.docstring_safety import DocstringPolicy
from sphinx_traits._sphinx.warn import warn
from sphinx_traits.project import Project, ProjectError, find_project, with_sources

if TYPE_CHECKING:
    from pathlib import Path

    from sphinx.application import Sphinx
    from sphinx.config import Config

NAVIGATION = ("auto", "toctree", "orphan")
SYNTAXES = ("rst", "markdown", "plain")
STYLES = ("auto", "google", "numpy", "sphinx", "none")
LARGE = 50
"""Above this number of models and traits `auto` navigation leaves their pages out of sidebars."""


def _value(default: Any, doc: str, *, rebuild: str = "env", choices: tuple[str, ...] = ()) -> Any:
    metadata = {"doc": doc, "rebuild": rebuild, "choices": choices}
    if isinstance(default, list | dict):
        return field(default_factory=type(default), metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The checked values of `conf.py`; each field is the value with the prefix `traits_`."""

    # ruff: noqa: RUF009 - each default is a dataclass field, made with the same metadata
    packages: list[str] = _value([], "Packages to document; those of `[tool.traits]` by default.", rebuild="")
    search_paths: list[str] = _value([], "Folders that hold them, relative to `conf.py`.", rebuild="")
    exclude: list[str] = _value([], "Patterns of modules to leave out.", rebuild="")
    base_overrides: dict[str, str] = _value({}, "What a base class that cannot be read stands for.", rebuild="")
    project: str = _value("", "Folder of the project's `pyproject.toml`; the nearest above by default.", rebuild="")
    manifest: str = _value("", "A manifest to read instead of sources, relative to `conf.py`.", rebuild="")
    pages: str = _value("traits", "Folder of the generated pages; empty for none.")
    navigation: str = _value("auto", "Whether sidebars list the page of every model and trait.", choices=NAVIGATION)
    docstring_syntax: str = _value("rst", "Markup of docstrings.", choices=SYNTAXES)
    docstring_style: str = _value("auto", "How docstrings write their sections.", choices=STYLES)
    trusted_docstrings: list[str] = _value([], "Packages whose docstrings may use every directive, image and file.")
    docstring_directives: list[str] = _value([], "Further directives that every docstring may use.")
    source_link: str = _value("", "URL of a source line, with `{path}`, `{line}` and `{end_line}`.")
    markdown: bool = _value(False, "Whether pages get Markdown twins, and the site an `llms.txt`.", rebuild="")
    std_objects: bool = _value(False, "Whether config keys are known to Sphinx's own `confval` and `envvar` too.")
    coverage: int = _value(0, "Percent of facts with a docstring below which `traits-coverage` fails.", rebuild="")
    private_members: bool = _value(False, "Whether model pages show members with a leading underscore.")

    @property
    def docstring_policy(self) -> DocstringPolicy:
        """The rules for markup in docstrings."""
        return DocstringPolicy(tuple(self.trusted_docstrings), frozenset(self.docstring_directives))

    @classmethod
    def register(cls, app: Sphinx) -> None:
        """Register the values with Sphinx."""
        for option in fields(cls):
            default = option.default if option.default_factory is MISSING else option.default_factory()
            app.add_config_value(f"traits_{option.name}", default, option.metadata["rebuild"], types=(type(default),))

    @classmethod
    def of(cls, config: Config, confdir: Path) -> Settings:
        """The values of a `conf.py`; an invalid one is a warning, and the default applies."""
        values = {option.name: getattr(config, f"traits_{option.name}") for option in fields(cls)}
        for option in fields(cls):
            choices = option.metadata["choices"]
            if choices and values[option.name] not in choices:
                choices_text = ", ".join(repr(choice) for choice in choices)
                warn(
                    "config",
                    f"traits_{option.name} is {values[option.name]!r}; it takes one of {choices_text}.",
                    place(confdir, option.name),
                )
                values[option.name] = option.default
        settings = cls(**values)
        return replace(
            settings, pages=settings.pages.strip("/"), source_link=_checked_link(settings.source_link, confdir)
        )


def project_of(settings: Settings, confdir: Path) -> Project:
    """The project that is documented: `[tool.traits]`, and over it what `conf.py` says.

    Args:
        settings: The values of `conf.py`.
        confdir: Its folder; relative paths start there.
    """
    start = confdir / settings.project
    try:
        project = find_project(start)
    except ProjectError as error:
        warn("config", str(error), place(confdir, "project"))
        project = None
    base = project or Project(root=start.resolve(), search_paths=() if settings.search_paths else (start.resolve(),))
    paths = tuple(confdir / path for path in settings.search_paths)
    base = replace(
        base,
        exclude=(*base.exclude, *settings.exclude),
        base_overrides={**base.base_overrides, **settings.base_overrides},
    )
    return with_sources(base, tuple(settings.packages), paths)


def place(confdir: Path, name: str) -> str:
    """The place of a value in `conf.py`; the first line where it is not set."""
    file = confdir / "conf.py"
    try:
        rows = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        rows = []
    line = next((at for at, row in enumerate(rows, 1) if row.startswith(f"traits_{name}")), 1)
    return f"{file}:{line}"


def _checked_link(template: str, confdir: Path) -> str:
    try:
        template.format(path="a.py", line=1, end_line=2)
    except (LookupError, ValueError):
        warn(
            "config",
            f"traits_source_link is {template!r}; it may hold {{path}}, {{line}} and {{end_line}}, and no other names.",
            place(confdir, "source_link"),
        )
        return ""
    return template
