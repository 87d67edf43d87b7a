"""Facts of several classes become one model."""

from __future__ import annotations

import msgspec
import pytest

from facts import ARTICLE, MANIFEST, SLUG
from sphinx_traits.manifest import Hook, Location
from sphinx_traits.resolve import Index, compose
from traits_runtime.rules.naming import nearest

INDEX = Index(MANIFEST)


def test_traits_stand_in_mro_order_with_the_way_that_leads_to_them() -> None:
    """A trait that the class statement does not name is shown with the trait that brings it."""
    uses = compose(INDEX, "shop.models.Article").traits

    assert [(use.name.rpartition(".")[2], use.direct, use.through, use.position) for use in uses] == [
        ("HasContent", True, (), 1),
        ("HasSlug", False, ("shop.traits.HasContent",), 2),
        ("HasTags", False, ("shop.traits.HasContent",), 3),
    ]


def test_hooks_run_in_mro_order_then_by_priority_then_by_definition() -> None:
    """A high priority does not overtake a class that stands nearer in the MRO."""
    hooks = compose(INDEX, "shop.models.Article").hooks

    assert [hook.name for hook in hooks] == ["make_slug", "late", "tidy"]


def test_a_hook_declared_again_runs_once_with_the_nearest_declaration() -> None:
    """The class nearest to the model decides the moment."""
    nearer = msgspec.structs.replace(
        ARTICLE, hooks=(Hook(name="make_slug", owner=ARTICLE.name, moment="saving", location=Location("m.py", 1)),)
    )
    index = Index(msgspec.structs.replace(MANIFEST, models=(nearer,)))

    hooks = compose(index, ARTICLE.name).hooks

    assert [(hook.name, hook.moment) for hook in hooks if hook.name == "make_slug"] == [("make_slug", "saving")]


def test_model_setting_beats_the_file_and_says_what_it_hides() -> None:
    """The effective value knows its layer and the weaker values below."""
    (key,) = compose(INDEX, "shop.models.Article").config

    assert (key.value.text, key.layer) == ("120", "model")
    assert [one.value.text for one in key.hides] == ["60"]


def test_trait_itself_sees_the_file_layer() -> None:
    """A setting of one model does not touch the trait's own page."""
    (key,) = compose(INDEX, "shop.traits.HasSlug").config

    assert (key.value.text, key.layer) == ("60", "file")


def test_listener_for_another_model_does_not_hear_this_one() -> None:
    """Wildcards are expanded, and a listener's model restricts it."""
    (use,) = compose(INDEX, "shop.models.Article").events

    assert [one.name for one in use.listeners] == ["audit"]
    assert [one.name for one in INDEX.event_use(SLUG.events[0]).listeners] == ["only_labels", "audit"]


def test_emit_sites_belong_to_the_event() -> None:
    """An event knows the calls that emit it."""
    (use,) = compose(INDEX, "shop.models.Article").events

    assert [str(one.location) for one in use.emits] == ["shop/traits.py:36"]


def test_member_chain_says_who_wins_and_how_far_super_reaches() -> None:
    """A definition that does not call super ends the chain."""
    members = {one.name: one for one in compose(INDEX, "shop.models.Article").members}

    assert [one.owner for one in members["make_slug"].chain] == ["shop.models.Article", "shop.traits.HasSlug"]
    assert members["make_slug"].reaches == 2
    assert members["save"].reaches == 2
    assert members["save"].winner.owner == "shop.traits.HasSlug"


def test_findings_of_a_model_are_its_own() -> None:
    """A model shows what is wrong with it and nothing else."""
    assert [one.code for one in compose(INDEX, "shop.models.Label").findings] == ["unresolved_base"]
    assert compose(INDEX, "shop.models.Article").findings == ()


def test_users_of_a_trait_include_those_that_get_it_through_another() -> None:
    """The reverse index follows the MRO."""
    assert INDEX.users["shop.traits.HasTags"] == ("shop.models.Article", "shop.models.Label")
    assert INDEX.users["shop.traits.HasSlug"] == ("shop.models.Article",)


@pytest.mark.parametrize("name", ["shop.models.Article", "models.Article", "Article"])
def test_the_last_parts_of_a_name_are_enough(name: str) -> None:
    """A name is found by its end."""
    assert INDEX.find(name) == ("shop.models.Article",)


def test_part_of_a_word_is_no_name() -> None:
    """`ticle` is not `Article`."""
    assert INDEX.find("ticle") == ()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("shop.models.Artcle", "shop.models.Article"), ("Labl", "shop.models.Label"), ("zzz", ""), ("", "")],
)
def test_misspelt_name_is_answered_with_the_nearest(typed: str, meant: str) -> None:
    """The last part of a name counts most; nonsense gets no answer."""
    assert nearest(typed, ["shop.models.Article", "shop.models.Label"]) == meant


def test_unknown_class_is_a_key_error() -> None:
    """Composition is for names that the index has."""
    with pytest.raises(KeyError):
        compose(INDEX, "shop.models.Nothing")
