"""The JSON form of the facts."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import msgspec
import pytest

from facts import MANIFEST
from sphinx_traits.manifest import (
    MASK,
    ConfigKey,
    Manifest,
    ManifestError,
    Model,
    Setting,
    Trait,
    Value,
    dumps,
    json_schema,
    loads,
    masked,
)

PUBLISHED = Path(__file__).resolve().parent.parent / "docs" / "reference" / "manifest-1.schema.json"


def test_json_form_reads_back_to_the_same_facts() -> None:
    """Nothing is lost on the way out and back."""
    assert loads(dumps(MANIFEST)) == MANIFEST


def test_same_facts_give_the_same_bytes() -> None:
    """The form is canonical."""
    assert dumps(loads(dumps(MANIFEST))) == dumps(MANIFEST)


def test_json_form_satisfies_its_schema() -> None:
    """What we publish describes what we write."""
    jsonschema.Draft202012Validator(json_schema()).validate(json.loads(dumps(MANIFEST)))


def test_secret_values_are_masked() -> None:
    """The default, and what is given to the key on its trait, on a trait above it, or on one that is not known."""
    key = ConfigKey(name="token", owner="shop.HasToken", default=Value("'s3cret'", source="SECRET"), secret=True)
    base = Trait(name="shop.HasToken", config=(key, ConfigKey(name="low", owner="shop.HasToken", default=Value("3"))))
    above = Trait(name="shop.HasMore", mro=("shop.HasMore", "shop.HasToken", "builtins.object"))
    given = [
        Setting(trait=trait, key=name, value=Value("'s3cret'"), layer="file")
        for trait, name in (("shop.HasToken", "token"), ("shop.HasMore", "token"), ("Gone", "token"), ("Gone", "low"))
    ]
    model = Model(name="shop.Article", settings=tuple(given[:2]))
    seen = masked(Manifest(models=(model,), traits=(base, above), settings=tuple(given)))

    assert [key.default for key in seen.traits[0].config] == [Value(MASK), Value("3")]
    assert [setting.value.text for setting in seen.models[0].settings] == [MASK, MASK]
    assert [setting.value.text for setting in seen.settings] == [MASK, MASK, MASK, "'s3cret'"]
    assert masked(MANIFEST) is MANIFEST  # nothing is a secret there


def test_schema_refuses_what_is_no_manifest() -> None:
    """The schema says more than 'an object'."""
    broken = json.loads(dumps(MANIFEST))
    broken["models"][0]["mro"] = "shop.models.Article"

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(json_schema()).validate(broken)


def test_published_schema_is_the_one_in_force() -> None:
    """The file in the documentation is the schema of this version."""
    assert json.loads(PUBLISHED.read_text(encoding="utf-8")) == json.loads(json.dumps(json_schema()))


def test_every_class_has_the_fields_that_readers_rely_on() -> None:
    """Name, MRO, completeness and place stand at the top level of each class."""
    for load in json.loads(dumps(MANIFEST))["models"]:
        assert {"name", "mro", "complete", "reason", "location"} <= set(load)
        assert set(load["location"]) == {"path", "line", "end_line"}


def test_manifest_of_another_version_is_refused_with_the_way_out() -> None:
    """A reader never misreads a form that it does not know."""
    text = dumps(msgspec.structs.replace(MANIFEST, schema_version=99))

    with pytest.raises(
        ManifestError, match=r"schema version 99; this version of sphinx-traits reads 1\. Write it again"
    ):
        loads(text)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"schema_version": "x"}', '{"schema_version": 1, "models": 3}'])
def test_what_is_no_manifest_is_refused(text: str) -> None:
    """Bad input is one typed error."""
    with pytest.raises(ManifestError, match="Not a manifest"):
        loads(text)


def test_facts_are_frozen() -> None:
    """Nobody changes a fact after it was read."""
    with pytest.raises(AttributeError):
        MANIFEST.packages = ()  # type: ignore[misc]


def test_empty_manifest_is_valid() -> None:
    """A package without models is not an error."""
    assert loads(dumps(Manifest())) == Manifest()
