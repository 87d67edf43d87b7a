"""A manifest made by hand: three models, four traits, every kind of fact; the pages are tested without extraction."""

from __future__ import annotations

from sphinx_traits.manifest import (
    Base,
    CacheKey,
    Class,
    Column,
    ConfigKey,
    Emit,
    Event,
    Feature,
    Field,
    Finding,
    Hook,
    Job,
    Listener,
    Location,
    Manifest,
    Member,
    Metric,
    Model,
    Scope,
    Setting,
    Trait,
    Value,
)

SLUG = "blog.traits.HasSlug"
TAGS = "blog.traits.HasTags"
CONTENT = "blog.traits.HasContent"
TRACK = "blog.traits.HasUserTracking"
ARTICLE = "blog.models.Article"
PAGE = "blog.models.Page"
USER = "blog.models.User"


def at(path: str, line: int) -> Location:
    """A place of one line."""
    return Location(path, line, line)


def base(name: str) -> Base:
    """A base class under its short name."""
    return Base(expression=name.rpartition(".")[2], name=name)


def has_slug() -> Trait:
    """The trait with most kinds of facts."""
    here = "blog/slugs.py"
    return Trait(
        name=SLUG,
        doc="Gives a row a readable address.\n\nThe slug stays when the title changes, see :class:`Article`.\n\n"
        "Attributes:\n    slug: The address.\n",
        location=Location(here, 10, 60),
        bases=(Base(expression="Trait", name="traits_runtime.Trait"),),
        mro=(SLUG, "traits_runtime.Trait", "builtins.object"),
        hooks=(
            Hook(
                name="make_slug",
                owner=SLUG,
                moment="creating",
                priority=10,
                doc="Make the slug.",
                location=at(here, 30),
            ),
            Hook(
                name="remake_slug",
                owner=SLUG,
                moment="updating",
                when="changed('title')",
                doc="Make it again where ``follow_title`` is on.",
                location=at(here, 35),
            ),
        ),
        config=(
            ConfigKey(
                name="max_length",
                owner=SLUG,
                group="slug_config",
                type="int",
                default=Value("80"),
                env=("BLOG_SLUG_MAX_LENGTH",),
                constraints=("ge=8", "le=255"),
                doc="Longest slug, in characters.",
                location=at(here, 12),
            ),
            ConfigKey(
                name="token",
                owner=SLUG,
                group="slug_config",
                type="str",
                default=Value("'s3cret'"),
                secret=True,
                deprecated="1.2: no longer needed",
                doc="Token of the naming service.",
                location=at(here, 13),
            ),
        ),
        features=(Feature(name="follow_title", owner=SLUG, default=Value("False"), doc="Follow the title."),),
        events=(
            Event(
                name="slug_generated",
                owner=SLUG,
                wire="trait.HasSlug.slug_generated",
                payload="blog.slugs.SlugGenerated",
                fields=(Field("slug", "str", "", "The new slug."), Field("old", "str | None", "None")),
                doc="After a slug was made.",
                location=at(here, 20),
            ),
        ),
        emits=(
            Emit(
                name="trait.HasSlug.slug_generated",
                owner=SLUG,
                function=f"{SLUG}._generate",
                location=at(here, 50),
            ),
        ),
        columns=(Column(name="slug", owner=SLUG, type="String(255)", nullable="no", doc="Address, unique."),),
        scopes=(Scope(name="with_slug", owner=SLUG, signature="(slug)", doc="The row with a slug."),),
        cache_keys=(CacheKey(name="slug:{pk}", owner=SLUG, doc="The slug by key.", location=at(here, 55)),),
        metrics=(Metric(name="slugs_made", owner=SLUG, doc="Slugs made so far."),),
        members=(
            Member(name="slug_source", owner=SLUG, signature="(self) -> str", doc="The text of the slug."),
            Member(name="_generate", owner=SLUG, signature="(self) -> None"),
        ),
    )


def has_tags() -> Trait:
    """A trait with a job and a listener of its own."""
    return Trait(
        name=TAGS,
        doc="Lets a row carry labels.",
        location=Location("blog/tags.py", 5, 40),
        bases=(Base(expression="Trait", name="traits_runtime.Trait"),),
        mro=(TAGS, "traits_runtime.Trait", "builtins.object"),
        hooks=(Hook(name="count_tags", owner=TAGS, moment="creating", doc="Count the labels."),),
        jobs=(
            Job(
                name="recount",
                owner=TAGS,
                queue="low",
                parameters=(Field("limit", "int", "100"),),
                options=("retries=3",),
                doc="Count all labels again.",
            ),
        ),
        config=(ConfigKey(name="max_tags", owner=TAGS, group="tag_config", type="int", default=Value("10")),),
    )


def has_content() -> Trait:
    """A trait of traits."""
    return Trait(
        name=CONTENT,
        doc="A text with an address and labels.",
        location=Location("blog/content.py", 3, 9),
        bases=(base(SLUG), base(TAGS)),
        mro=(CONTENT, SLUG, TAGS, "traits_runtime.Trait", "builtins.object"),
        members=(Member(name="slug_source", owner=CONTENT, signature="(self) -> str", calls_super="yes"),),
    )


def has_tracking() -> Trait:
    """A trait with an event that nobody hears and one that may be vetoed."""
    return Trait(
        name=TRACK,
        doc="Records who changed a row.",
        location=Location("blog/tracking.py", 8, 30),
        mro=(TRACK, "traits_runtime.Trait", "builtins.object"),
        hooks=(
            Hook(name="fill_creator", owner=TRACK, moment="creating", is_async=True, doc="Fill in the creator."),
            Hook(name="prepare", owner=TRACK, moment="boot", doc="Look up the columns."),
        ),
        events=(
            Event(
                name="changing", owner=TRACK, wire="trait.HasUserTracking.changing", before=True, doc="Before a change."
            ),
        ),
        since="1.1",
    )


def models() -> tuple[Model, ...]:
    """Three models; the last could not be read whole."""
    article = Model(
        name=ARTICLE,
        doc="A dated text.\n\n>>> 1 + 1\n2\n",
        location=Location("blog/models.py", 10, 30),
        bases=(base(CONTENT), base(TRACK), base("blog.db.Base")),
        mro=(ARTICLE, CONTENT, SLUG, TAGS, TRACK, "traits_runtime.Trait", "blog.db.Base", "builtins.object"),
        traits=(CONTENT, SLUG, TAGS, TRACK),
        host="sqlalchemy",
        table="articles",
        columns=(
            Column(name="author", owner=ARTICLE, kind="relation", target="User"),
            Column(name="title", owner=ARTICLE, type="str", doc="Heading."),
        ),
        members=(
            Member(
                name="slug_source", owner=ARTICLE, signature="(self) -> str", calls_super="yes", doc="Title and series."
            ),
            Member(name="url", owner=ARTICLE, kind="property", type="str"),
        ),
        hooks=(Hook(name="announce", owner=ARTICLE, moment="created", doc="Tell the followers."),),
        settings=(
            Setting(
                trait=SLUG,
                key="max_length",
                value=Value("120"),
                layer="model",
                model=ARTICLE,
                location=at("blog/models.py", 12),
            ),
            Setting(trait=SLUG, key="follow_title", value=Value("True"), layer="model", model=ARTICLE),
        ),
    )
    page = Model(
        name=PAGE,
        doc="A text without a date.",
        location=Location("blog/models.py", 40, 50),
        bases=(base(CONTENT), base("blog.db.Base")),
        mro=(PAGE, CONTENT, SLUG, TAGS, "traits_runtime.Trait", "blog.db.Base", "builtins.object"),
        traits=(CONTENT, SLUG, TAGS),
        host="sqlalchemy",
    )
    user = Model(
        name=USER,
        doc="Somebody who writes.",
        location=Location("blog/models.py", 60, 70),
        bases=(base(TRACK), Base(expression="Plugin", name="ext.Plugin", resolved=False)),
        mro=(USER, TRACK, "traits_runtime.Trait", "ext.Plugin", "builtins.object"),
        traits=(TRACK,),
        complete=False,
        reason="The base class `ext.Plugin` is not on the search path.",
    )
    return article, page, user


UNRESOLVED = Finding(
    location=at("blog/models.py", 60),
    code="unresolved_base",
    message="The base class 'ext.Plugin' of blog.models.User cannot be read.",
    hint="Add its folder to search-paths.",
    subject=USER,
)


def manifest(*, findings: tuple[Finding, ...] = ()) -> Manifest:
    """The facts of a small blog."""
    return Manifest(
        packages=("blog",),
        models=tuple(sorted(models(), key=lambda one: one.name)),
        traits=(has_content(), has_slug(), has_tags(), has_tracking()),
        bases=(
            Class(
                name="blog.db.Base",
                mro=("blog.db.Base", "builtins.object"),
                columns=(Column(name="id", owner="blog.db.Base", type="int", nullable="no"),),
                members=(Member(name="slug_source", owner="blog.db.Base", doc="Never reached."),),
            ),
        ),
        listeners=(
            Listener(name="audit", owner="blog.listeners", pattern="trait.**", location=at("blog/listeners.py", 5)),
            Listener(
                name="notify",
                owner="blog.listeners",
                pattern="trait.HasSlug.slug_generated",
                model=ARTICLE,
                priority=10,
                location=at("blog/listeners.py", 9),
            ),
            Listener(
                name="lost", owner="blog.listeners", pattern="trait.HasSlug.gone", location=at("blog/listeners.py", 20)
            ),
        ),
        settings=(
            Setting(trait=SLUG, key="max_length", value=Value("60"), layer="file", location=at("pyproject.toml", 7)),
        ),
        findings=findings,
    )
