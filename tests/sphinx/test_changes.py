"""The directive that compares two manifests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import blogfacts
import msgspec

from sphinx_traits.manifest import Manifest, Value, dumps

if TYPE_CHECKING:
    from sphinx_traits.testing import Built, SphinxBuilder


def released(length: str = "60") -> str:
    """The manifest of an earlier release, which had another default."""
    manifest = blogfacts.manifest()
    (slug,) = (one for one in manifest.traits if one.name == blogfacts.SLUG)
    first, *others = slug.config
    older = msgspec.structs.replace(slug, config=(msgspec.structs.replace(first, default=Value(length)), *others))
    traits = tuple(older if one is slug else one for one in manifest.traits)
    return dumps(msgspec.structs.replace(manifest, traits=traits)).decode()


def page(blog: SphinxBuilder, directive: str, length: str = "60") -> Built:
    """A build of the blog with a page about what changed since the earlier release."""
    text = f"News\n====\n\n{directive}\n\n.. toctree::\n\n   traits/index\n"
    return blog.write({"index.rst": text, "old.json": released(length)}).build()


def test_one_file_is_compared_with_what_the_build_documents(blog: SphinxBuilder) -> None:
    """The change stands under its heading and links to where the key is described."""
    built = page(blog, ".. trait-changes:: old.json")
    text = built.text("index.html")

    assert built.warnings == []
    assert "Breaking changes" in text
    assert "Other changes" not in text
    assert f'href="traits/traits/{blogfacts.SLUG}.html#config.{blogfacts.SLUG}.max_length"' in text
    assert '<code class="docutils literal notranslate">60</code>' in text


def test_the_page_is_read_again_when_either_side_changes(blog: SphinxBuilder) -> None:
    """The file is a dependency; so is the manifest of the build."""
    page(blog, ".. trait-changes:: old.json")

    edited = page(blog, ".. trait-changes:: old.json", length="61")
    shown = edited.text("index.html")
    blog.manifest(Manifest())
    emptied = blog.build()

    assert edited.read == ["index"]
    assert ">61<" in shown
    assert "index" in emptied.read
    assert "removed" in emptied.text("index.html")


def test_nothing_changed_is_said(blog: SphinxBuilder) -> None:
    """Also where the filter leaves nothing."""
    built = page(blog, ".. trait-changes:: old.json old.json\n\n.. trait-changes:: old.json\n   :what: event")

    assert built.text("index.html").count("Nothing changed.") == 2


def test_a_file_that_cannot_be_read_is_a_warning_with_its_place(blog: SphinxBuilder) -> None:
    """The rest of the page is built."""
    built = page(blog, ".. trait-changes:: gone.json")

    (warning,) = built.warnings
    assert warning.startswith(f"{blog.source}/index.rst:4: WARNING: gone.json cannot be read:")
    assert warning.endswith("[traits.manifest]")
