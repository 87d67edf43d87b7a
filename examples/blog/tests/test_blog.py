"""The blog does what its traits promise."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

sqlalchemy = pytest.importorskip("sqlalchemy")

from blog.app import start
from blog.db import BlogSession, open_database
from blog.models import Article, Comment, Image, Page, Series, User
from blog.traits import HasTags
from blog.traits.tracking import current_user
from traits_runtime import config, events


@pytest.fixture(scope="module", autouse=True)
def application() -> Iterator[None]:
    """The blog as it runs, with its own settings and listeners; afterwards everything is as it was."""
    with events.isolated():
        start()
        yield
    config.reload()


@pytest.fixture
def session() -> Iterator[BlogSession]:
    """A session on an empty database."""
    engine = open_database()
    with BlogSession(engine) as opened:
        yield opened
    engine.dispose()


def test_new_article_gets_its_slug_and_its_author(session: BlogSession) -> None:
    """The hooks of both traits run when the row is written."""
    token = current_user.set(7)
    try:
        article = Article(title="Déjà vu, again!", body="One two.")
        session.add(article)
        session.commit()
    finally:
        current_user.reset(token)

    assert article.slug == "deja-vu-again"
    assert article.created_by == 7


def test_slug_follows_the_title_only_where_the_feature_is_on(session: BlogSession) -> None:
    """Articles switch it on for themselves, categories do not."""
    article, page = Article(title="First", body=""), Page(title="First", body="")
    session.add_all([article, page])
    session.commit()

    article.title = page.title = "Second"
    session.commit()

    assert article.slug == "second"
    assert page.slug == "first"


def test_address_starts_with_the_series(session: BlogSession) -> None:
    """The model overrides what the trait makes the slug from."""
    article = Article(title="Part one", body="", series=Series(title="Gardens"))
    session.add(article)
    session.commit()

    assert article.slug == "gardens-part-one"


def test_longest_slug_is_the_models_own_value(session: BlogSession) -> None:
    """Users have 40 characters, the rest of the blog 60."""
    user, page = User(name="x" * 99, email="x@example.org"), Page(title="y" * 99, body="")
    session.add_all([user, page])
    session.commit()

    assert (len(user.slug), len(page.slug)) == (40, 60)


def test_empty_article_cannot_be_published() -> None:
    """The composed trait overrides the publishing trait and calls it."""
    with pytest.raises(ValueError, match="empty text"):
        Article(title="t", body=" ").publish()

    article = Article(title="t", body="text")
    article.publish()

    assert article.is_published


def test_every_instance_has_tags_of_its_own() -> None:
    """The initialize hook runs for each instance, also of a subclass."""
    first, second = Image(path="a.png", kind="image"), Image(path="b.png", kind="image")

    first.tag("Tree", "tree")

    assert first.tag_names == ["tree"]
    assert second.tag_names == []


def test_too_many_tags_are_refused() -> None:
    """Articles allow five, other models ten."""
    with pytest.raises(ValueError, match="at most 5 tags"):
        Article(title="t").tag(*"abcdef")

    assert issubclass(Image, HasTags)
    Image(path="a", kind="image").tag(*"abcdef")


def test_deleting_a_comment_blanks_it_and_is_heard(caplog: pytest.LogCaptureFixture) -> None:
    """The wildcard listener hears the event of the trait that the model overrides."""
    comment = Comment(text="Nonsense")

    with caplog.at_level(logging.INFO, logger="blog.listeners"):
        comment.delete()

    assert (comment.text, comment.is_deleted) == ("", True)
    assert "trait.SoftDeletes.trashed on Comment" in caplog.messages


def test_only_the_first_publication_is_announced(caplog: pytest.LogCaptureFixture) -> None:
    """The listener of one model hears that model and no other."""
    article, page = Article(title="t", body="text", slug="t"), Page(title="t", body="text", slug="p")

    with caplog.at_level(logging.INFO, logger="blog.listeners"):
        article.publish()
        article.publish()
        page.publish()

    assert [one for one in caplog.messages if one.startswith("followers")] == ["followers are told about t"]
