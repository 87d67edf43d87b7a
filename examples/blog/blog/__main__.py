"""`python -m blog`: an article's life, and what each trait does in it."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from blog.app import start
from blog.db import BlogSession, open_database
from blog.models import Article, User
from traits_runtime import acting_as, locale
from traits_runtime.adapters.sqlalchemy import activities, resolve
from traits_runtime.traits import threads

Told = Iterator[tuple[str, object]]
"""Pairs of a trait's name and what it did."""


def writer(session: BlogSession, name: str) -> User:
    """The user of a name, a new one if there is none."""
    email = f"{name.lower()}@example.org"
    user = session.scalars(select(User).where(User.email == email)).one_or_none() or User(name=name, email=email)
    session.add(user)
    session.commit()
    return user


def write(session: BlogSession, article: Article) -> Told:
    """Write a draft, translate it, give it labels and marks."""
    yield "HasUlid", f"{article.ulid} identifies the article before it is written"
    session.add(article)
    session.commit()
    yield "HasSlug", f"its address is /articles/{article.slug}"
    yield "HasUserTracking", f"{article.creator.display_name} wrote it"

    with locale("de"):
        article.title = "Rote Rosen"
        yield "HasTranslations", f"in German it is called {article.title!r}"
    yield "HasDisplayName", f"readers see {article.display_name!r}"

    article.tag("Flower", "Red")
    article.flag("featured")
    session.commit()
    found = session.scalars(select(Article).where(Article.scopes.tagged(all=["FLOWER"]))).all()
    yield "HasTags", f"it is among the {len(found)} tagged 'flower'" if article in found else "it got lost"
    yield "HasFlags", f"it is marked {article.flag_names()}"


def publish(session: BlogSession, article: Article) -> Told:
    """Publish it, have it found and talked about."""
    words = select(Article).where(Article.scopes.search("smell ros"))
    draft = article not in session.scalars(words).all()
    article.publish()
    session.commit()
    yield "Publishable", f"it is public: {article.is_published}"
    yield "Announced", f"followers were told: {article.announced_at == article.published_at}"
    found = article in session.scalars(words).all()
    yield "Searchable", f"'smell ros' did not find the draft ({draft}), and finds the article ({found})"

    question = article.comment("Which ones?")
    article.comment("The dark ones.", parent=question)
    session.commit()
    (thread,) = threads(session.scalars(article.comments_query()))
    yield "HasComments", f"{thread.comment.body} - {thread.answers[0].comment.body}"


def throw_away(session: BlogSession, article: Article) -> Told:
    """Put it into the trash and take it out again, and read what the log says of all this."""
    key = article.route_key
    session.delete(article)
    session.commit()
    gone = resolve(session, Article, key) is None
    yield "SoftDeletes", f"in the trash nobody finds it ({gone}); {article.deleted_by=} put it there"

    session.restore(article)
    article.title = "Roses"
    session.commit()
    yield "HasRouteKey", f"{key} still leads to {article.route_key}: {resolve(session, Article, key) is article}"
    yield "LogsActivity", ", ".join(one.event for one in activities(session, article))


def tour(session: BlogSession) -> Told:
    """All of it, as two people."""
    ada, bo = writer(session, "Ada"), writer(session, "Bo")
    with acting_as(ada):
        article = Article(title="Red roses", body="They smell.")
        yield from write(session, article)
    with acting_as(bo):
        yield from publish(session, article)
        yield from throw_away(session, article)


def main() -> None:
    """Take the tour on `$BLOG_DATABASE_URL`, or in memory."""
    start()
    engine = open_database()
    with BlogSession(engine) as session:
        for trait, did in tour(session):
            print(f"{trait:16}{did}")
    engine.dispose()


if __name__ == "__main__":
    main()
