"""The blog does what its traits promise, on SQLite and on PostgreSQL."""

from __future__ import annotations

import logging
import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

sqlalchemy = pytest.importorskip("sqlalchemy")

from blog.__main__ import main, tour
from blog.app import start
from blog.db import Base, BlogSession, open_database
from blog.models import Article, Image, Page, Series, User
from traits_runtime import acting_as, config, events
from traits_runtime.errors import TooManyTagsError
from traits_runtime.traits import HasAdditionalFeatures, HasTags, HasUserTracking

SERVER = os.environ.get("TRAITS_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")


@pytest.fixture(scope="module", autouse=True)
def application() -> Iterator[None]:
    """The blog as it runs, with its own settings and listeners; afterwards everything is as it was."""
    with events.isolated():
        start()
        yield
    config.reload()


@pytest.fixture
def postgresql() -> Iterator[str]:
    """The URL of an empty database on the server."""
    name = f"traits_blog_{uuid.uuid4().hex[:12]}"
    server = sqlalchemy.create_engine(SERVER, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 30})
    try:
        with server.connect() as connection:
            connection.execute(sqlalchemy.text(f"CREATE DATABASE {name}"))
    except sqlalchemy.exc.OperationalError:
        pytest.skip("no PostgreSQL; .ci/servers starts one")
    yield sqlalchemy.make_url(SERVER).set(database=name).render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.execute(sqlalchemy.text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """Where the blog is."""
    return "sqlite://" if request.param == "sqlite" else str(request.getfixturevalue("postgresql"))


@pytest.fixture
def session(url: str) -> Iterator[BlogSession]:
    """A session on an empty database."""
    engine = open_database(url)
    with BlogSession(engine) as opened:
        yield opened
    engine.dispose()


def test_tour_shows_every_trait_at_work(session: BlogSession) -> None:
    """It may be taken again on the same database, and every part of `HasAdditionalFeatures` has its line."""
    told = dict(tour(session))
    again = dict(tour(session))

    parts = {one.__name__ for one in HasAdditionalFeatures.__bases__ if one.__name__ != "Trait"}
    assert set(told) == {*parts, "HasUserTracking", "Announced"}
    assert told["HasSlug"] == "its address is /articles/red-roses"
    assert again["HasSlug"] == "its address is /articles/red-roses-2"
    assert told["HasUserTracking"] == "Ada wrote it"
    assert told["HasTranslations"] == "in German it is called 'Rote Rosen'"
    assert told["HasDisplayName"] == "readers see 'Red roses'"
    assert told["HasTags"] == "it is among the 1 tagged 'flower'"
    assert told["HasFlags"] == "it is marked ['featured']"
    assert told["Publishable"] == "it is public: True"
    assert told["Announced"] == "followers were told: True"
    assert told["Searchable"] == "'smell ros' did not find the draft (True), and finds the article (True)"
    assert told["HasComments"] == "Which ones? - The dark ones."
    assert told["SoftDeletes"] == "in the trash nobody finds it (True); article.deleted_by=2 put it there"
    assert str(told["HasRouteKey"]).endswith(": True")
    assert told["LogsActivity"] == "created, updated, updated, trashed, restored"


def test_one_variable_names_the_database(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`BLOG_DATABASE_URL` leads `python -m blog` elsewhere; it prints a line for every trait."""
    monkeypatch.setenv("BLOG_DATABASE_URL", url)
    main()

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines][:3] == ["HasUlid", "HasSlug", "HasUserTracking"]
    assert len(lines) == 14
    if url.startswith("postgresql"):
        engine = sqlalchemy.create_engine(url)
        assert set(sqlalchemy.inspect(engine).get_table_names()) == set(Base.metadata.tables)
        engine.dispose()


def test_address_starts_with_the_series(session: BlogSession) -> None:
    """The model overrides what the trait makes the slug from."""
    article = Article(title="Part one", series=Series(title="Gardens"))
    session.add(article)
    session.commit()

    assert article.slug == "gardens-part-one"


def test_longest_slug_is_the_models_own_value(session: BlogSession) -> None:
    """Users have 40 characters, the rest of the blog 60."""
    user, page = User(name="x" * 99, email="x@example.org"), Page(title="y" * 99)
    session.add_all([user, page])
    session.commit()

    assert (len(user.slug), len(page.slug)) == (40, 60)


def test_slug_follows_the_title_only_where_the_policy_says_so(session: BlogSession) -> None:
    """Articles say so for themselves, pages do not."""
    article, page = Article(title="First"), Page(title="First")
    session.add_all([article, page])
    session.commit()

    article.title = page.title = "Second"
    session.commit()

    assert (article.slug, page.slug) == ("second", "first")


def test_empty_article_cannot_be_published() -> None:
    """The composed trait overrides the publishing trait and calls it."""
    with pytest.raises(ValueError, match="empty text"):
        Article(title="t", body=" ").publish()

    article = Article(title="t", body="text")
    article.publish()

    assert article.is_published


def test_too_many_tags_are_refused(session: BlogSession) -> None:
    """Articles allow five, other models any number."""
    article, image = Article(title="t"), Image(path="a", kind="image")
    session.add_all([article, image])
    image.tag(*"abcdef")
    article.tag(*"abcdef")

    with pytest.raises(TooManyTagsError, match="Article"):
        session.commit()

    session.rollback()
    assert issubclass(Image, HasTags)


def test_only_the_first_publication_is_announced(session: BlogSession, caplog: pytest.LogCaptureFixture) -> None:
    """After the commit; the listener of one model hears that model and no other."""
    article, page = Article(title="New", body="text"), Page(title="Imprint", body="text")
    session.add_all([article, page])
    with caplog.at_level(logging.INFO, logger="blog.listeners"):
        for one in (article, page, article):
            one.unpublish()
            one.publish()
            session.commit()

    assert caplog.messages.count("trait.Announced.followers_told on Article") == 1
    assert caplog.messages.count("the front page shows New") == 2
    assert "the front page shows Imprint" not in caplog.messages


def test_nobody_is_told_where_the_feature_is_off(session: BlogSession) -> None:
    """A quiet publication leaves the column empty."""
    article = Article(title="New", body="text")
    session.add(article)
    with article.without_features("announce"):
        article.publish()
        session.commit()

    assert article.announced_at is None


def test_who_trashed_an_image_is_known(session: BlogSession) -> None:
    """A model may use a few of the ready-made traits, here through its base."""
    image = Image(path="a.png", kind="image")
    session.add(image)
    session.commit()

    with acting_as(7):
        session.delete(image)
        session.commit()

    assert isinstance(image, HasUserTracking)
    assert (image.is_trashed, image.deleted_by) == (True, 7)
