"""`HasComments`: what people say about a row, in threads; and `IsComment` for the model of the comments."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any, ClassVar, Final, NamedTuple, Protocol

import msgspec

from traits_runtime import Trait, TraitColumn, TraitConfig, TraitEvent, column, option, scope
from traits_runtime._core import runtime
from traits_runtime.errors import CommentTooDeepError
from traits_runtime.traits._backends import Backends


def _actor_id(_model: type) -> str | None:
    who = runtime.current_actor()
    return None if who is None else str(who.id)


def _actor_type(_model: type) -> str:
    who = runtime.current_actor()
    return "" if who is None else who.type


def _now(_model: type) -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class CommentBackend(Protocol):
    """What a host does for comments."""

    def add(self, row: Any, body: str, approved: bool, parent: Any) -> Any:
        """A new comment on a row; written with it, or with the next flush of its session."""
        ...

    def about(self, row: Any, *, approved: bool | None) -> Any:
        """The query for the comments of a row, oldest first."""
        ...

    def count(self, model: Any, *, approved: bool | None) -> Any:
        """The expression for the number of comments of a row."""
        ...

    def commented_by(self, model: Any, actor: Any) -> Any:
        """The condition that somebody has commented on a row."""
        ...


BACKENDS: Final[Backends[CommentBackend]] = Backends()


class CommentConfig(TraitConfig):
    """How comments are taken."""

    comment_model: str = option("", doc="Name of the model of the comments; empty where the registry has only one.")
    approve: bool = option(True, doc="Whether a comment is approved as soon as it is written.")
    max_depth: int = option(5, ge=0, doc="How deep answers to answers go; 0 takes no answers.")


class CommentAdded(msgspec.Struct, frozen=True):
    """Somebody commented on a row.

    Attributes:
        body: What was said.
        depth: 0, or how deep in a thread.
        approved: Whether it may be shown.
    """

    body: str
    depth: int
    approved: bool


class HasComments(Trait):
    """Lets people comment on a row and answer each other.

    The comments of all models are in one table, whose model the application declares with `IsComment`. They go when
    the row is really deleted, and stay while it is in the waste bin.
    """

    comment_config: ClassVar[CommentConfig] = CommentConfig()

    comment_added: Final = TraitEvent(
        CommentAdded, doc="After a comment was made on the instance, before it is written."
    )

    def comment(self, body: str, *, parent: Any = None) -> Any:
        """Comment on the row, or answer a comment; written with the next flush.

        What it says is stored as it is: make it safe where it is shown.

        Args:
            body: What is said.
            parent: The comment that it answers.

        Returns:
            The comment, an instance of the application's model.

        Raises:
            CommentTooDeepError: The answer would stand too deep in its thread.
            ValueError: The answered comment is about another row.
        """
        rules = self.comment_config
        depth = 0 if parent is None else parent.depth + 1
        if depth > rules.max_depth:
            raise CommentTooDeepError(type(self).__name__, rules.max_depth)
        new_comment = BACKENDS.needed(type(self)).add(self, body, rules.approve, parent)
        self.comment_added(body=body, depth=depth, approved=rules.approve)
        return new_comment

    def comments_query(self, *, approved: bool | None = True) -> Any:
        """The query for the comments of the row, oldest first: ``session.scalars(article.comments_query())``.

        Args:
            approved: Whether approved ones or the others are meant; None for both.
        """
        return BACKENDS.needed(type(self)).about(self, approved=approved)

    @scope()
    @classmethod
    def comments_count(cls, *, approved: bool | None = True) -> Any:
        """The number of comments of each row, to select or to order by; one query for all rows."""
        return BACKENDS.needed(cls).count(cls, approved=approved)

    @scope()
    @classmethod
    def commented_by(cls, actor: Any) -> Any:
        """Rows on which somebody has commented.

        Args:
            actor: An instance, a key or an `Actor`.
        """
        return BACKENDS.needed(cls).commented_by(cls, actor)


class IsCommentConfig(TraitConfig):
    """How comments are stored."""

    parent: str = option("comments.id", doc="The primary key of the comments, as `table.column`.")
    parent_type: str = option("same", pattern="^same$", doc="Its type: that of the primary key.")


class IsComment(Trait):
    """Makes a model the one that holds comments: ``class Comment(IsComment, Base)``, with a primary key of its own.

    Add `SoftDeletes` for a waste bin.
    """

    is_comment_config: ClassVar[IsCommentConfig] = IsCommentConfig()

    comment_approved: Final = TraitEvent(doc="After a comment was approved on the instance.")
    comment_rejected: Final = TraitEvent(doc="After approval was taken back on the instance.")

    subject_type: TraitColumn[str] = column(
        str, length=120, index=True, doc="Name of the model that the comment is about."
    )
    subject_id: TraitColumn[str] = column(
        str, length=190, index=True, doc="Primary key of the row that the comment is about, as text."
    )
    parent_id: TraitColumn[int | None] = column(
        int,
        nullable=True,
        index=True,
        references_by="parent",
        typed_by="parent_type",
        on_delete="CASCADE",
        doc="The comment that this one answers.",
    )
    depth: TraitColumn[int] = column(int, default=0, doc="0, or how deep in a thread.")
    body: TraitColumn[str] = column(str, doc="What is said.")
    approved: TraitColumn[bool] = column(bool, default=True, doc="Whether it may be shown.")
    actor_id: TraitColumn[str | None] = column(
        str, nullable=True, length=190, index=True, on_insert=_actor_id, doc="Who said it."
    )
    actor_type: TraitColumn[str] = column(
        str, length=120, on_insert=_actor_type, doc="Name of the model of who said it."
    )
    commented_at: TraitColumn[dt.datetime] = column(dt.datetime, on_insert=_now, doc="When it was said.")

    def approve(self) -> None:
        """Let the comment be shown."""
        if not self.approved:
            self.approved = True
            self.comment_approved()

    def reject(self) -> None:
        """Let the comment no longer be shown."""
        if self.approved is not False:
            self.approved = False
            self.comment_rejected()


class Thread(NamedTuple):
    """A comment with its answers.

    Args:
        comment: The comment.
        answers: What was answered, each with its own answers.
    """

    comment: Any
    answers: list[Thread]


def threads(comments: Iterable[Any]) -> list[Thread]:
    """Comments as they answer each other; an answer to one that is not among them starts a thread of its own.

    Args:
        comments: Instances of the comment model, in the order in which they are to be shown.
    """
    threads_by_key = {runtime.identify(comment): Thread(comment, []) for comment in comments}
    roots: list[Thread] = []
    for thread in threads_by_key.values():
        above = threads_by_key.get(thread.comment.parent_id)
        (roots if above is None else above.answers).append(thread)
    return roots
