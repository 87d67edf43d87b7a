"""A small manifest made by hand: two traits, a trait made of them, two models."""

from __future__ import annotations

from sphinx_traits.manifest import (
    Base,
    ConfigKey,
    Emit,
    Event,
    Feature,
    Field,
    Finding,
    Hook,
    Listener,
    Location,
    Manifest,
    Member,
    Model,
    Setting,
    Trait,
    Value,
)

SLUG = Trait(
    name="shop.traits.HasSlug",
    doc="Gives a row a readable address.\n\nMade once.",
    location=Location("shop/traits.py", 10, 40),
    bases=(Base(expression="Trait", name="traits_runtime.Trait"),),
    mro=("shop.traits.HasSlug", "traits_runtime.Trait", "builtins.object"),
    hooks=(
        Hook(name="late", owner="shop.traits.HasSlug", moment="creating", location=Location("shop/traits.py", 30)),
        Hook(
            name="make_slug",
            owner="shop.traits.HasSlug",
            moment="creating",
            priority=10,
            location=Location("shop/traits.py", 35),
        ),
    ),
    config=(
        ConfigKey(
            name="max_length",
            owner="shop.traits.HasSlug",
            group="slug_config",
            type="int",
            default=Value("80"),
            env=("SHOP_SLUG",),
            constraints=("ge=8",),
            doc="Longest slug.",
        ),
    ),
    features=(Feature(name="follow", owner="shop.traits.HasSlug", default=Value("False")),),
    events=(
        Event(
            name="made",
            owner="shop.traits.HasSlug",
            wire="trait.HasSlug.made",
            payload="shop.traits.Made",
            fields=(Field("slug", "str"),),
        ),
    ),
    emits=(Emit(name="trait.HasSlug.made", owner="shop.traits.HasSlug", location=Location("shop/traits.py", 36)),),
    members=(
        Member(name="make_slug", owner="shop.traits.HasSlug", signature="(self) -> None"),
        Member(name="save", owner="shop.traits.HasSlug", signature="(self)", calls_super="yes"),
    ),
)

TAGS = Trait(
    name="shop.traits.HasTags",
    doc="Labels.",
    bases=(Base(expression="Trait", name="traits_runtime.Trait"),),
    mro=("shop.traits.HasTags", "traits_runtime.Trait", "builtins.object"),
    hooks=(Hook(name="tidy", owner="shop.traits.HasTags", moment="creating", priority=99),),
    members=(Member(name="save", owner="shop.traits.HasTags", signature="(self)"),),
)

CONTENT = Trait(
    name="shop.traits.HasContent",
    doc="A text.",
    bases=(
        Base(expression="HasSlug", name="shop.traits.HasSlug"),
        Base(expression="HasTags", name="shop.traits.HasTags"),
        Base(expression="Trait", name="traits_runtime.Trait"),
    ),
    mro=(
        "shop.traits.HasContent",
        "shop.traits.HasSlug",
        "shop.traits.HasTags",
        "traits_runtime.Trait",
        "builtins.object",
    ),
)

ARTICLE = Model(
    name="shop.models.Article",
    doc="A dated text.",
    location=Location("shop/models.py", 5, 9),
    bases=(Base(expression="HasContent", name="shop.traits.HasContent"),),
    mro=("shop.models.Article", *CONTENT.mro),
    traits=("shop.traits.HasContent", "shop.traits.HasSlug", "shop.traits.HasTags"),
    settings=(
        Setting(
            trait="shop.traits.HasSlug",
            key="max_length",
            value=Value("120"),
            layer="model",
            model="shop.models.Article",
        ),
    ),
    members=(Member(name="make_slug", owner="shop.models.Article", signature="(self) -> None", calls_super="yes"),),
)

LABEL = Model(
    name="shop.models.Label",
    bases=(
        Base(expression="HasTags", name="shop.traits.HasTags"),
        Base(expression="db.Model", name="db.Model", resolved=False),
    ),
    mro=("shop.models.Label", "shop.traits.HasTags", "traits_runtime.Trait", "db.Model", "builtins.object"),
    complete=False,
    reason="The base db.Model is made by a call.",
    traits=("shop.traits.HasTags",),
)

MANIFEST = Manifest(
    packages=("shop",),
    models=(ARTICLE, LABEL),
    traits=(CONTENT, SLUG, TAGS),
    listeners=(
        Listener(name="audit", owner="shop.listeners", pattern="trait.**", target="shop.listeners.audit"),
        Listener(
            name="only_labels",
            owner="shop.listeners",
            pattern="trait.HasSlug.*",
            model="shop.models.Label",
            priority=5,
        ),
        Listener(name="deaf", owner="shop.listeners", pattern="trait.HasTags.*"),
    ),
    settings=(
        Setting(
            trait="HasSlug", key="max_length", value=Value("60"), layer="file", location=Location("pyproject.toml", 3)
        ),
    ),
    findings=(
        Finding(
            code="unresolved_base",
            message="The base db.Model could not be read.",
            hint="Add base-overrides.",
            subject="shop.models.Label",
            location=Location("shop/models.py", 12),
        ),
    ),
)
