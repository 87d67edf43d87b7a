"""Flags, tags, threads of comments and search without a database."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from traits_runtime import run_hooks
from traits_runtime.errors import DeclarationError, NotSupportedError, TooManyTagsError, UnknownFlagError
from traits_runtime.traits import HasFlags, HasTags, MemoryIndex, Searchable, threads, use_search_index
from traits_runtime.traits.search import prefixed, quoted
from traits_runtime.traits.tags import Label, TagChanges, fold, tag_query


class Article(HasFlags, HasTags):
    """Something in memory."""

    __traits__: ClassVar[Any] = {HasTags: {"max_tags": 3}}

    class Flags(enum.Flag):
        """What it may be marked with."""

        PINNED = 1
        FEATURED = 2
        ARCHIVED = 8


class Note(Searchable):
    """Something that is found."""

    def __init__(self, number: int, title: str) -> None:
        self.id = number
        self.title = title
        self.deleted_at: object = None


def test_flags_are_set_cleared_and_named() -> None:
    """By member or by name, in any case."""
    article = Article()
    article.flag("pinned", Article.Flags.ARCHIVED)
    article.unflag("PINNED")

    assert article.flag_names() == ["archived"]
    assert article.has_flag("archived")
    assert not article.has_flag("archived", "pinned")


def test_unknown_flag_is_answered_with_the_list() -> None:
    """Of another enum, or misspelt."""
    with pytest.raises(UnknownFlagError, match="Did you mean 'pinned'") as caught:
        Article().flag("pined")

    assert caught.value.known == ("archived", "featured", "pinned")
    with pytest.raises(UnknownFlagError):
        Article().has_flag(enum.Flag("Other", "X").X)  # type: ignore[attr-defined]


def test_flag_that_the_enum_no_longer_has_stays() -> None:
    """A row written by an older program loses nothing."""
    article = Article()
    article.flags = 4 | 1
    article.unflag("pinned")

    assert article.flags == 4
    assert article.flag_names() == []


def test_change_of_flags_is_announced_once() -> None:
    """A flag that is set already is no change."""
    heard = []
    article = Article()
    with HasFlags.flags_changed.listen(heard.append):
        article.flag("pinned")
        article.flag("pinned")

    assert [(event.payload.added, event.payload.removed) for event in heard] == [(["pinned"], [])]


def test_flag_that_no_column_holds_is_refused_when_the_model_boots() -> None:
    """The mistake is in the class, not in the row."""

    class Wide(HasFlags):
        class Flags(enum.Flag):
            """Too wide."""

            HIGH = 1 << 63

    with pytest.raises(DeclarationError, match="62 bits"):
        Wide()


def test_a_query_needs_a_database() -> None:
    """Objects in memory say so, with the way out."""
    with pytest.raises(NotSupportedError, match="adapter"):
        Article.scopes.flagged("pinned")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Rock", "ROCK"),
        ("Cafe\u0301", "Caf\u00e9"),
        ("Rock Music", " rock  music "),
        ("STRASSE", "straße"),
        ("a-b", "A B"),
    ],
)
def test_ways_to_write_a_tag_are_one_tag(first: str, second: str) -> None:
    """Case, accents, spaces."""
    assert fold(first) == fold(second)


@pytest.mark.parametrize("name", ["", "  ", "\u200b", "\x00"])
def test_tag_that_nobody_sees_is_refused(name: str) -> None:
    """There must be something to read."""
    with pytest.raises(ValueError, match="no visible character"):
        fold(name)


def test_signs_make_another_tag() -> None:
    """C, C++ and C# are three languages."""
    assert len({fold("C"), fold("C++"), fold("C#")}) == 3


def test_sync_of_one_kind_keeps_the_others() -> None:
    """The kinds do not know of each other."""
    changes = TagChanges()
    changes.sync(["new"], "topic")

    remaining = changes.apply([Label("topic", "old", "Old"), Label("colour", "red", "Red")])

    assert remaining == [Label("colour", "red", "Red"), Label("topic", "new", "new")]


def test_the_last_word_about_a_tag_counts() -> None:
    """Added and removed again, removed and added again."""
    changes = TagChanges()
    changes.tag(["a", "b"], "")
    changes.untag(["A", "c"], "")
    changes.tag(["C"], "")

    assert [label.slug for label in changes.apply([Label("", "c", "c"), Label("", "a", "a")])] == ["c", "b"]


def test_sync_to_nothing_removes_all_of_a_kind() -> None:
    """An empty list is a list."""
    article = Article()
    article.tag("a", "b")
    article.tag("x", type="other")
    article.sync_tags([])

    assert article.tag_names() == []
    assert article.tag_names("other") == ["x"]


def test_more_tags_than_allowed_are_refused() -> None:
    """The error says how many there would be."""
    with pytest.raises(TooManyTagsError) as caught:
        Article().tag("a", "b", "c", "d")

    assert (caught.value.count, caught.value.limit) == (4, 3)


def test_query_of_tags_names_each_once() -> None:
    """An empty list of alternatives is not the same as none."""
    assert tag_query("t", ["A", "a"], [], ["B"]) == ("t", ("a",), (), ("b",))
    assert tag_query("", [], None, []).any is None


@dataclass
class Said:
    """A comment as the function sees it."""

    id: int
    parent_id: int | None


def test_threads_follow_the_answers() -> None:
    """An answer whose question is hidden starts a thread of its own."""
    first, second, third, orphan = Said(1, None), Said(2, 1), Said(3, 2), Said(4, 99)

    result = threads([first, second, third, orphan])

    assert [message.comment for message in result] == [first, orphan]
    assert result[0].answers[0].answers[0].comment is third


@pytest.mark.parametrize(
    "text", ['"foo AND (', "a* OR", "NEAR(", "^x", "{a}:b", "'; DROP TABLE x; --", "\\", "-", "\x00"]
)
def test_no_sign_of_what_a_user_types_is_syntax(text: str) -> None:
    """Words in quotes, and a star that is ours."""
    for created in (quoted(text), prefixed(text)):
        assert set(created) & set("()^{}\\;\x00-") == set()


def test_index_holds_what_may_be_found() -> None:
    """Saved, changed, in the waste bin, restored, deleted."""
    index = MemoryIndex()
    note = Note(1, "Red roses")
    with use_search_index(index):
        run_hooks(note, "saved")
        result = index.find("Note", "rose", 5)
        note.title = "Blue violets"
        run_hooks(note, "saved")
        renamed = index.find("Note", "rose", 5)
        note.deleted_at = 1
        run_hooks(note, "trashed")
        trashed = index.find("Note", "violets", 5)
        note.deleted_at = None
        run_hooks(note, "restored")
        restored = index.find("Note", "violets", 5)
        run_hooks(note, "deleted")

    assert (result, renamed, trashed, restored) == (["1"], [], [], ["1"])
    assert index.entries == {}


def test_indexing_is_a_feature_that_can_be_off() -> None:
    """An import of many rows indexes later, in one go."""
    index = MemoryIndex()
    with use_search_index(index), Note.without_features("search_indexing"):
        run_hooks(Note(1, "Red roses"), "saved")

    assert index.entries == {}
