"""Type arguments reach what is inherited, and named query restrictions are told from other methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from sphinx_traits.manifest import Class, Scope
from sphinx_traits.resolve import Composition, Index, compose

if TYPE_CHECKING:
    from tests.extract.conftest import Sources

HEAD = "from typing import Generic, ParamSpec, Protocol, TypeVar\nfrom traits_runtime import Trait, job\n"
VARIABLES = 'T = TypeVar("T")\nU = TypeVar("U")\nP = ParamSpec("P")\n'
TAGS = (
    HEAD + VARIABLES + "class HasTags(Trait, Generic[T, U]):\n"
    "    first: T\n"
    "    def tag(self, one: T, *, others: 'list[T] | None' = None, T=None) -> dict[str, T]: ...\n"
    "    @property\n    def last(self) -> 'U': ...\n"
    "    @job()\n    def send(self, what: list[T]) -> None: ...\n"
)


def composed(sources: Sources, short: str) -> Composition:
    """What a class of some sources is."""
    return compose(Index(sources.manifest()), f"{sources.name}.{short}")


def shown(it: Composition) -> dict[str, str]:
    """Signatures and types by member."""
    return {member.name: member.winner.signature or member.winner.type for member in it.members}


def test_inherited_members_have_the_arguments_of_the_base(write: Callable[..., Sources]) -> None:
    """``HasTags[str, int]`` says what ``T`` and ``U`` are in all that the model gets."""
    it = composed(write(TAGS + "class Article(HasTags[str, 'Label']): ...\n"), "Article")

    assert shown(it) == {
        "first": "str",
        "tag": "(self, one: str, *, others: 'list[T] | None' = None, T=None) -> dict[str, str]",
        "last": "Label",
        "send": "(self, what: list[str]) -> None",
    }
    assert [parameter.type for parameter in it.jobs[0].parameters] == ["list[str]"]


def test_arguments_pass_through_bases_in_between(write: Callable[..., Sources]) -> None:
    """A base that only hands its parameter on is followed, and the trait itself keeps its own."""
    sources = write(
        TAGS + "class HasLabels(HasTags[list[U], int], Trait, Generic[U]): ...\nclass Article(HasLabels[bytes]): ...\n"
    )

    assert shown(composed(sources, "Article"))["first"] == "list[bytes]"
    assert shown(composed(sources, "Article"))["last"] == "int"
    assert shown(composed(sources, "HasLabels"))["first"] == "list[U]"
    assert shown(composed(sources, "HasTags"))["first"] == "T"


def test_base_without_arguments_keeps_the_parameters(write: Callable[..., Sources]) -> None:
    """What nobody fills is shown as written."""
    assert shown(composed(write(TAGS + "class Article(HasTags): ...\n"), "Article"))["first"] == "T"


@pytest.mark.parametrize(
    ("statement", "parameters"),
    [
        ("class A(Trait, Generic[U, T]): ...", ("U", "T")),
        ("class A(Trait, Protocol[T]): ...", ("T",)),
        ("class G(Generic[T, U]): ...\nclass A(G[U, list[T]], Trait): ...", ("U", "T")),
        ("class G(Generic[P]): ...\nclass A(G[P], Trait): ...", ("**P",)),
        ("class G(Generic[T]): ...\nclass A(G[int], Trait): ...", ()),
    ],
)
def test_order_of_type_parameters_is_pythons(
    statement: str, parameters: tuple[str, ...], write: Callable[..., Sources]
) -> None:
    """``Generic`` says the order, else the first appearance among the bases."""
    (trait,) = write(HEAD + VARIABLES + statement).manifest().traits

    assert trait.type_parameters == parameters


ARTICLES = """
from django.db import models

class LiveQuerySet(models.QuerySet):
    def live(self, at=None):
        "Those that are out."
        return self.filter(live=True)
    def mine(self, user):
        return self.live().order_by("pk") if user else self.none()
    def maybe(self, user):
        found = self.all()
        if user:
            found = found.exclude(user=user)
        return found
    def sorted(self): return self.order_by("pk")
    def count_live(self): return self.live().count()
    def other(self): return Article.objects.filter(live=True)
    def _hidden(self): return self.filter(live=True)
    def each(self):
        yield from self.filter(live=True)
    async def later(self): return self.filter(live=True)
    def loop(self):
        found = self.filter(live=True)
        for found in self.groups(): ...
        return found
    def nothing(self): self.filter(live=True)

class DraftManager(models.Manager):
    def get_queryset(self): return super().get_queryset().filter(live=False)

class HasState(models.Model):
    objects = LiveQuerySet.as_manager()
    drafts = DraftManager()
    class Meta:
        abstract = True

class Article(HasState): ...

class Page(HasState):
    objects = models.Manager.from_queryset(LiveQuerySet)()

class Draft(HasState):
    objects = models.Manager()
"""


def scopes(it: Class | Composition) -> dict[str, tuple[str, str]]:
    """Signature and certainty by name."""
    return {scope.name: (scope.signature, scope.certainty) for scope in it.scopes}


LIVE = {"objects.live": ("(at=None)", "certain"), "objects.mine": ("(user)", "certain")}
MAYBE = {"objects.maybe": ("(user)", "conditional")}
DRAFTS = {"drafts": ("", "certain")}


def test_query_set_methods_that_restrict_are_scopes_of_who_holds_the_manager(write: Callable[..., Sources]) -> None:
    """Only methods all of whose returns are the query set itself, at least one of them restricted."""
    pytest.importorskip("django")
    sources = write(ARTICLES)
    it = composed(sources, "Article")

    assert scopes(it) == LIVE | MAYBE | DRAFTS
    assert {scope.owner for scope in it.scopes} == {f"{sources.name}.HasState"}
    live: Scope = it.scopes[0]
    assert (live.doc, live.via, live.location.line) == ("Those that are out.", "inferred", 5)
    assert live.why == "what LiveQuerySet.live() returns is its own query set, restricted"


def test_manager_of_a_nearer_class_replaces_the_scopes(write: Callable[..., Sources]) -> None:
    """A model with another manager under the same name has that one's scopes alone."""
    pytest.importorskip("django")
    sources = write(ARTICLES)

    assert scopes(composed(sources, "Draft")) == DRAFTS
    assert scopes(composed(sources, "Page")) == LIVE | MAYBE | DRAFTS
    assert {scope.owner for scope in composed(sources, "Page").scopes} == {
        f"{sources.name}.Page",
        f"{sources.name}.HasState",
    }


def test_class_methods_that_return_a_restricted_select_are_scopes(write: Callable[..., Sources]) -> None:
    """A `select` of the class itself, restricted; neither rows nor selects of something else."""
    pytest.importorskip("sqlalchemy")
    it = composed(
        write(
            """
            from sqlalchemy import select
            from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
            class Base(DeclarativeBase): ...
            class HasState:
                state: Mapped[str]
                @classmethod
                def in_state(cls, state: str, *, limit: int = 5): return select(cls).where(cls.state == state)
                @classmethod
                def old_style(cls): return cls.query.filter_by(state="x")
                @classmethod
                def everything(cls): return select(cls)
                @classmethod
                def rows(cls, session): return session.scalars(select(cls).where(cls.state == "x"))
                @classmethod
                def others(cls): return select(Article).where(Article.id == 1)
                def of_instance(self): return select(self).where(True)
            class Article(HasState, Base):
                __tablename__ = "article"
                id: Mapped[int] = mapped_column(primary_key=True)
            """
        ),
        "Article",
    )

    assert scopes(it) == {
        "in_state": ("(state: str, *, limit: int = 5)", "certain"),
        "old_style": ("()", "certain"),
    }
