"""Pages that exist for Sphinx without a file in the source directory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sphinx.project import Project

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SUFFIXES = {".traits-rst": "restructuredtext", ".traits-md": "markdown"}
"""File suffixes of the stubs, and their markup; our own, so that the project's `source_suffix` may be anything."""

_RESTORED = ("docnames", "_path_to_docname", "_docname_to_path")
_classes: dict[type[Project], type[VirtualDocs]] = {}


class VirtualDocs(Project):
    """A project with additional documents whose files are in another folder.

    It is put in the place of the project's own class, so that ``app.project is env.project`` stays true and
    other extensions may do the same.
    """

    stubs: Mapping[str, str]
    stub_dir: Path
    path_type: type[Any]
    stub_paths: dict[tuple[str, bool], Any]

    def discover(self, exclude_paths: Iterable[str] = (), include_paths: Iterable[str] = ("**",)) -> set[str]:
        """All documents of the source directory, then ours."""
        docnames = super().discover([*exclude_paths, *self._own_folder()], include_paths)
        docnames.update(self.stubs)
        return docnames

    def doc2path(self, docname: str, absolute: bool) -> Any:
        """The stub of a generated page; a hand-written page of that name takes precedence."""
        if docname not in self.stubs or docname in self._docname_to_path:
            return super().doc2path(docname, absolute)
        path = self.stub_paths.get((docname, absolute))
        if path is None:
            stub = self.stubs[docname]
            # The relative form is where the page would stand: builders cut the document's name off its front.
            path = self.path_type(stub if absolute else docname + stub[stub.rindex(".") :])
            self.stub_paths[docname, absolute] = path
        return path

    def own_pages(self) -> set[str]:
        """The documents of the list that the project has written itself."""
        return self.stubs.keys() & self._docname_to_path.keys()

    def path2doc(self, filename: Any) -> str | None:
        """The document of a file."""
        path = Path(filename)
        if path.suffix in SUFFIXES and path.is_relative_to(self.stub_dir):
            return path.relative_to(self.stub_dir).as_posix().removesuffix(path.suffix)
        return super().path2doc(filename)

    def __reduce_ex__(self, _protocol: Any) -> Any:
        """Pickle as Sphinx's own class: an environment outlives the extension that helped to make it."""
        return Project, (self.srcdir, self.source_suffix), {key: getattr(self, key) for key in _RESTORED}

    def _own_folder(self) -> list[str]:
        """The folder of the stubs, if below the source directory; Sphinx must not read its files as documents."""
        try:
            inside = self.stub_dir.relative_to(Path(self.srcdir).resolve())
        except ValueError:
            return []
        return [f"{inside.as_posix()}/**"]


def enable(project: Project, stubs: Mapping[str, str], stub_dir: Path) -> None:
    """Add documents to a project.

    Args:
        project: Sphinx's project object; its class changes.
        stubs: The absolute file of each document.
        stub_dir: The folder that holds them all.
    """
    if not isinstance(project, VirtualDocs):
        cls, path_type = type(project), type(project.doc2path("x", True))
        _classes.setdefault(cls, cast("type[VirtualDocs]", type(f"Traits{cls.__name__}", (VirtualDocs, cls), {})))
        project.__class__ = _classes[cls]
        cast("VirtualDocs", project).path_type = path_type
    virtual = cast("VirtualDocs", project)
    virtual.stub_paths = {}
    virtual.stubs = stubs
    virtual.stub_dir = stub_dir.resolve()
