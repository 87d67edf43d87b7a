"""From source text to fact: what traits declare, what their code does, and what files set."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from sources import TRAIT
from sphinx_traits.extract import extract
from sphinx_traits.manifest import Class, Emit, Manifest, Value, dumps
from sphinx_traits.resolve import Index, compose

if TYPE_CHECKING:
    from tests.extract.conftest import Sources


def by_name(manifest: Manifest, short: str) -> Class:
    """The class of that short name."""
    return next(cls for cls in manifest.classes() if cls.short == short)


def test_trait_and_model_are_told_apart(write: Callable[..., Sources]) -> None:
    """A direct base Trait makes a trait; any other class that inherits from one is a model, and both say why."""
    manifest = write(TRAIT).manifest()

    assert [trait.short for trait in manifest.traits] == ["HasSlug"]
    assert [model.short for model in manifest.models] == ["Article"]
    assert manifest.models[0].traits == (manifest.traits[0].name,)
    assert manifest.traits[0].why == "Trait is one of its direct bases"
    assert manifest.models[0].mro[-1] == "builtins.object"


def test_config_keys(write: Callable[..., Sources]) -> None:
    """Keys come with folded defaults, constraints, environment names and docs from every place docs may stand in."""
    keys = {one.name: one for one in by_name(write(TRAIT).manifest(), "HasSlug").config}

    assert list(keys) == ["shared", "ttl", "plain", "told", "below", "made", "needed"]
    assert keys["ttl"].default == Value("300", "literal", "MINUTE * 5")
    assert keys["ttl"].constraints == ("ge=1",)
    assert keys["ttl"].env == ("A_TTL", "B_TTL")
    assert (keys["ttl"].secret, keys["ttl"].since, keys["ttl"].group) == (True, "1.2", "slug_config")
    assert keys["made"].default == Value("list", "factory")
    assert (keys["made"].locked, keys["made"].deprecated) == (True, "2.0")
    assert keys["needed"].default.kind == "required"
    assert keys["told"].type == "int"
    assert [keys[name].doc for name in ("shared", "plain", "told", "below")] == [
        "Told in a section.", "A comment above.", "In the type.", "Below.",
    ]  # fmt: skip


def test_declarations_of_a_trait(write: Callable[..., Sources]) -> None:
    """Hooks, features, events with payload, jobs and metrics are read as declared."""
    manifest = write(TRAIT).manifest()
    trait = by_name(manifest, "HasSlug")

    (hook,) = trait.hooks
    assert (hook.name, hook.moment, hook.priority, hook.when, hook.is_async) == (
        "fill", "creating", 10, "changed('title')", True,
    )  # fmt: skip
    assert [(feature.name, feature.default.text, feature.doc) for feature in trait.features] == [
        ("regenerate", "False", "Again and again.")
    ]
    generated, generating = trait.events
    assert generated.wire == "trait.HasSlug.generated"
    assert [(field.name, field.type, field.default, field.doc) for field in generated.fields] == [
        ("slug", "str", "", "The new one."),
        ("old", "str | None", "None", ""),
    ]
    assert (generated.before, generating.before) == (False, True)
    assert [(job.name, job.queue, job.doc, job.parameters[0].name) for job in trait.jobs] == [
        ("reindex", "search", "Index again.", "full")
    ]
    assert [(metric.name, metric.kind) for metric in trait.metrics] == [("made", "counter")]


def test_calls_of_a_trait(write: Callable[..., Sources]) -> None:
    """Emitting calls and cache keys are found with their certainty and place."""
    trait = by_name(write(TRAIT).manifest(), "HasSlug")

    assert [(emit.name, emit.certainty) for emit in trait.emits] == [
        ("trait.HasSlug.generated", "certain"),
        ("trait.HasSlug.generating", "certain"),
        ("trait.HasSlug.other_{self.kind}", "pattern"),
    ]
    assert all(emit.function.endswith(".HasSlug.fill") and emit.location.line for emit in trait.emits)
    assert [(key.name, key.operation, key.certainty) for key in trait.cache_keys] == [
        ("page:{self.id}", "remember", "pattern")
    ]


def test_members(write: Callable[..., Sources]) -> None:
    """A member has its kind, signature and docs; a property counts once, at its getter; super() calls are told."""
    members = {member.name: member for member in by_name(write(TRAIT).manifest(), "HasSlug").members}

    assert (members["slug"].kind, members["slug"].type, members["slug"].doc) == ("property", "str", "The slug.")
    assert members["title"].signature == "(self, at: int = 1, *, ok=None) -> str"
    assert members["title"].calls_super == "conditional"
    assert set(members) == {"fill", "slug", "reindex", "title"}


def test_listeners(write: Callable[..., Sources]) -> None:
    """Decorated functions, an event's own listeners, registering calls and listener classes are all found."""
    sources = write(TRAIT)
    found = {listener.name: listener for listener in sources.manifest().listeners}

    assert (found["hear"].pattern, found["hear"].priority, found["hear"].model) == (
        "trait.HasSlug.*", 5, f"{sources.name}.Article",
    )  # fmt: skip
    assert found["hear_one"].pattern == "trait.HasSlug.generated"
    assert (found["hear_all"].pattern, found["hear_all"].target) == ("trait.**", f"{sources.name}.hear_all")
    assert found["handle"].target == f"{sources.name}.Audit.handle"


def test_settings_of_a_model_and_of_files(write: Callable[..., Sources], tmp_path: Path) -> None:
    """Values in __traits__ and in pyproject.toml are settings with their layer and line."""
    sources = write(TRAIT)
    (tmp_path / "pyproject.toml").write_text(
        "[tool.traits.config.HasSlug]\nttl = 7\n\n"
        f'[tool.traits.models."{sources.name}.Article".HasSlug]\nplain = "y"\n\n'
        "[tool.traits.tenants.acme]\nHasSlug = { below = true }\n",
        encoding="utf-8",
    )
    manifest = extract([sources.name], search_paths=[tmp_path], project=tmp_path)

    own = manifest.models[0].settings
    assert [(one.key, one.value.text, one.layer) for one in own] == [
        ("ttl", "60", "model"),
        ("regenerate", "True", "model"),
    ]
    assert [
        (setting.trait, setting.key, setting.value.text, setting.layer, setting.location.line)
        for setting in manifest.settings
    ] == [
        ("HasSlug", "ttl", "7", "file", 2),
        ("HasSlug", "plain", "'y'", "model", 5),
        ("HasSlug", "below", "True", "tenant", 8),
    ]
    assert manifest.settings[2].tenant == "acme"


def test_same_sources_same_bytes(write: Callable[..., Sources]) -> None:
    """Two extractions give the same bytes, without any absolute path."""
    sources = write(TRAIT)

    first = dumps(sources.manifest())
    assert first == dumps(sources.manifest())
    assert str(sources.folder).encode() not in first


def test_listeners_of_one_model(write: Callable[..., Sources]) -> None:
    """Who listens for one model alone says which, and where that is only known at run time says that."""
    sources = write(
        """
        import os
        from django.db.models.signals import post_save
        from django.dispatch import receiver
        from sqlalchemy import event
        from sqlalchemy.orm import DeclarativeBase, Session
        class Base(DeclarativeBase): ...
        class Article(Base):
            __tablename__ = "article"
        def get_model(): ...
        def heard(*_): ...
        class Updater:
            @classmethod
            def inherited(cls, mapper, connection, target): ...
        class Mine(Updater): ...
        @event.listens_for(Article, "before_insert")
        def decorated(mapper, connection, target): ...
        event.listen(Article, "after_insert", heard)
        event.listen(Session, "before_flush", heard)
        if os.environ["THUMBNAILS"]:
            event.listen(Article, "after_update", heard)
        def register():
            import sqlalchemy as sa
            Model = get_model()
            sa.event.listen(Article, "after_delete", Mine.inherited)
            post_save.connect(heard, sender=Model)
        @receiver(post_save, sender=Article)
        def saved(sender, **_): ...
        """
    )
    found = {(listener.pattern, listener.name): listener for listener in sources.manifest().listeners}

    assert {key: (one.model.rpartition(".")[2], one.certainty, one.why) for key, one in found.items()} == {
        ("sqlalchemy.before_insert", "decorated"): ("Article", "certain", ""),
        ("sqlalchemy.after_insert", "heard"): ("Article", "certain", ""),
        ("sqlalchemy.before_flush", "heard"): ("", "certain", ""),
        ("sqlalchemy.after_update", "heard"): (
            "Article", "conditional", "it depends on the condition `os.environ['THUMBNAILS']`",
        ),
        ("sqlalchemy.after_delete", "inherited"): ("Article", "certain", "register() registers it"),
        ("django.db.models.signals.post_save", "heard"): (
            "Model", "dynamic", "which model it hears is only known when the program runs",
        ),
        ("django.db.models.signals.post_save", "saved"): ("Article", "certain", ""),
    }  # fmt: skip
    assert found["sqlalchemy.after_delete", "inherited"].target == f"{sources.name}.Mine.inherited"


def test_signals_that_are_sent(write: Callable[..., Sources]) -> None:
    """Every way to send a signal, wherever the call stands, is known once; other things that are sent are none."""
    sources = write(
        {
            "__init__": """
        import blinker
        from django.core.mail import EmailMessage
        from django.db import models
        from django.dispatch import Signal
        from elsewhere import unknown
        paid = Signal()
        shipped = blinker.signal("shipped")
        class Order(models.Model):
            def pay(self, queue):
                on_commit(lambda: paid.send(sender=Order, order=self))
                queue.send("paid")
                EmailMessage("Paid").send()
                unknown.send(sender=self)
        class Desk:
            mail = EmailMessage
            async def close(self):
                await paid.asend(sender=self)
                self.mail().send()
        def ship(order):
            from .signals import lost
            shipped.send(order)
            lost.send_robust(sender=order)
        paid.send_robust(sender=None)
        """,
            "signals": "from django.dispatch import Signal\nlost = Signal()\n",
        }
    )
    manifest, name = sources.manifest(), sources.name
    order = next(model for model in manifest.models if model.name == f"{name}.Order")

    def shown(emits: Iterable[Emit]) -> list[tuple[str, str, str]]:
        return [
            (emit.name.removeprefix(f"{name}."), emit.function.removeprefix(name), emit.certainty) for emit in emits
        ]

    assert shown(order.emits) == [("paid", ".Order.pay", "certain")]
    assert shown(manifest.emits) == [
        ("paid", ".Desk.close", "certain"),
        ("shipped", ".ship", "certain"),
        ("signals.lost", ".ship", "certain"),
        ("paid", "", "certain"),
    ]
    assert all(emit.via == "inferred" for emit in (*order.emits, *manifest.emits))
    assert not [finding for finding in manifest.findings if "paid" in finding.message]


def test_overrides_that_super_leads_to_are_hooks_one_after_the_other(write: Callable[..., Sources]) -> None:
    """Of Django's own methods all overrides that run are hooks, in the order in which they are entered."""
    text = """
        from django.db import models
        class A(models.Model):
            def save(self, **options): return super().save(**options)
            def delete(self): return super().delete()
            class Meta: abstract = True
        class B(models.Model):
            def save(self, **options): return super().save(**options)
            def delete(self): ...
            class Meta: abstract = True
        class C(models.Model):
            def save(self, **options): return super().save(**options)
            def delete(self): return super().delete()
            class Meta: abstract = True
        class M(A, B, C):
            def save(self, **options): super().save(**options)
    """
    sources = write(text)
    hooks = compose(Index(sources.manifest()), f"{sources.name}.M").hooks

    owners = [(hook.name, hook.owner.rpartition(".")[2]) for hook in hooks]
    assert [owner for name, owner in owners if name == "save"] == ["M", "A", "B", "C"]
    assert [owner for name, owner in owners if name == "delete"] == ["A", "B"]
