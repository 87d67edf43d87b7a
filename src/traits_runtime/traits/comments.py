"""`HasComments`: comments on a row, in threads; and `IsComment` for the model of the comments."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any, ClassVar, Final, NamedTuple, Protocol

import msgspec

from traits_runtime import Trait, TraitColumn, TraitConfig, TraitEvent, column, option, scope
from traits_runtime._core import runtime
from traits_runtime._core.trait.features import refuse_if_off
from traits_runtime.errors import CommentTooDeepError
from traits_runtime.traits._backends import Backends


def _actor_id(_model: type) -> str | None:
    actor = runtime.current_actor()
    return None if actor is None else str(actor.id)


def _actor_type(_model: type) -> str:
    actor = runtime.current_actor()
    return "" if actor is None else actor.type


def _now(_model: type) -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class CommentBackend(Protocol):
    """Comment operations of a host."""

    def add(self, row: Any, body: str, approved: bool, parent: Any) -> Any:
        """Add a comment to a row; it is written with the row, or with the next flush of its session."""
        ...

    def about(self, row: Any, *, approved: bool | None) -> Any:
        """The query for the comments of a row, oldest first."""
        ...

    def count(self, model: Any, *, approved: bool | None) -> Any:
        """The expression for the number of comments of a row."""
        ...

    def commented_by(self, model: Any, actor: Any) -> Any:
        """The SQL condition that an actor has commented on a row."""
        ...


BACKENDS: Final[Backends[CommentBackend]] = Backends()


class CommentConfig(TraitConfig):
    """Options of comments."""

    comment_model: str = option("", doc="Name of the model of the comments; empty where the registry has only one.")
    approve: bool = option(True, doc="Whether a new comment is approved.")
    max_depth: int = option(5, ge=0, doc="Maximum depth of replies; 0 for no replies.")


class CommentAdded(msgspec.Struct, frozen=True):
    """A comment was added to a row.

    Attributes:
        body: Text of the comment.
        depth: Depth in its thread, 0 at the top.
        approved: Whether it is approved.
    """

    body: str
    depth: int
    approved: bool


class HasComments(Trait):
    """Adds comments and replies to a row.

    The comments of all models are in one table, whose model the application declares with `IsComment`. They are deleted
    with the row when it is deleted for good, and stay while it is in the trash.

    Off: `comment` is refused. Stored comments stay; the query and the scopes see them, and a row that is deleted for
    good still takes its comments with it.
    """

    comment_config: ClassVar[CommentConfig] = CommentConfig()

    comment_added: Final = TraitEvent(
        CommentAdded, doc="After a comment was added to the instance, before it is written."
    )

    def comment(self, body: str, *, parent: Any = None) -> Any:
        """Add a comment or a reply; it is written with the next flush.

        The text is stored unchanged; escape it where it is displayed.

        Args:
            body: Text of the comment.
            parent: The comment that it replies to.

        Returns:
            The comment, an instance of the application's model.

        Raises:
            FeatureDisabledError: The trait is off.
            CommentTooDeepError: The reply would be too deep in its thread.
            ValueError: The parent belongs to another row.
        """
        refuse_if_off(self, HasComments, "comment")
        config = self.comment_config
        depth = 0 if parent is None else parent.depth + 1
        if depth > config.max_depth:
            raise CommentTooDeepError(type(self).__name__, config.max_depth)
        new_comment = BACKENDS.needed(type(self)).add(self, body, config.approve, parent)
        self.comment_added(body=body, depth=depth, approved=config.approve)
        return new_comment

    def comments_query(self, *, approved: bool | None = True) -> Any:
        """The query for the comments of the row, oldest first: ``session.scalars(article.comments_query())``.

        Args:
            approved: True for approved comments, False for the others, None for both.
        """
        return BACKENDS.needed(type(self)).about(self, approved=approved)

    @scope()
    @classmethod
    def comments_count(cls, *, approved: bool | None = True) -> Any:
        """Expression for the number of comments of each row, to select or to order by; one query for all rows."""
        return BACKENDS.needed(cls).count(cls, approved=approved)

    @scope()
    @classmethod
    def commented_by(cls, actor: Any) -> Any:
        """Rows on which an actor has commented.

        Args:
            actor: An instance, a key or an `Actor`.
        """
        return BACKENDS.needed(cls).commented_by(cls, actor)


class IsCommentConfig(TraitConfig):
    """How comments are stored."""

    parent: str = option("comments.id", doc="The primary key of the comments, as `table.column`.")
    parent_type: str = option("same", pattern="^same$", doc="Its type: that of the primary key.")


class IsComment(Trait):
    """Makes a model the table of comments: ``class Comment(IsComment, Base)``, with a primary key of its own.

    Add `SoftDeletes` for a trash.
    """

    is_comment_config: ClassVar[IsCommentConfig] = IsCommentConfig()

    comment_approved: Final = TraitEvent(doc="After a comment was approved on the instance.")
    comment_rejected: Final = TraitEvent(doc="After the approval of the instance was withdrawn.")

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
        doc="The comment that this one replies to.",
    )
    depth: TraitColumn[int] = column(int, default=0, doc="Depth in its thread, 0 at the top.")
    body: TraitColumn[str] = column(str, doc="Text of the comment.")
    approved: TraitColumn[bool] = column(bool, default=True, doc="Whether it is approved.")
    actor_id: TraitColumn[str | None] = column(
        str, nullable=True, length=190, index=True, on_insert=_actor_id, doc="Key of its author."
    )
    actor_type: TraitColumn[str] = column(
        str, length=120, on_insert=_actor_type, doc="Name of the model of its author."
    )
    commented_at: TraitColumn[dt.datetime] = column(dt.datetime, on_insert=_now, doc="When it was written.")

    def approve(self) -> None:
        """Approve the comment."""
        if not self.approved:
            self.approved = True
            self.comment_approved()

    def reject(self) -> None:
        """Withdraw the approval of the comment."""
        if self.approved is not False:
            self.approved = False
            self.comment_rejected()


class Thread(NamedTuple):
    """A comment with its replies.

    Args:
        comment: The comment.
        answers: Its replies, each with its own.
    """

    comment: Any
    answers: list[Thread]


def threads(comments: Iterable[Any]) -> list[Thread]:
    """Group comments into threads; a reply whose parent is not among them starts a thread of its own.

    Args:
        comments: Instances of the comment model, in the order of display.
    """
    threads_by_key = {runtime.identify(comment): Thread(comment, []) for comment in comments}
    roots: list[Thread] = []
    for thread in threads_by_key.values():
        parent = threads_by_key.get(thread.comment.parent_id)
        siblings = roots if parent is None else parent.answers
        siblings.append(thread)
    return roots
