"""Sources that several tests read."""

TRAIT = '''
from typing import Annotated, ClassVar
import msgspec
from traits_runtime import (
    Trait, TraitConfig, TraitEvent, TraitEventListener, cache, changed, counter, events, feature, hook, job, listen,
    option,
)

MINUTE = 60

class Doc:
    def __init__(self, text): ...

class CommonConfig(TraitConfig):
    """Shared.

    Attributes:
        shared: Told in a section.
    """

    shared: int = option(3)
    limit: ClassVar[int] = 5
    constant: int = 7

class SlugConfig(CommonConfig):
    ttl: int = option(MINUTE * 5, ge=1, env=("A_TTL", "B_TTL"), doc="Seconds.", secret=True, since="1.2")
    #: A comment above.
    plain: str = option("x")
    told: Annotated[int, Doc("In the type.")] = option(1)
    below: bool = option(False)
    """Below."""
    made: list[str] = option(factory=list, locked=True, deprecated="2.0")
    needed: str = option(doc="Must be set.")

class Generated(msgspec.Struct):
    """A slug was made.

    Attributes:
        slug: The new one.
    """

    slug: str
    old: str | None = None

class HasSlug(Trait):
    """Makes slugs."""

    slug_config = SlugConfig()
    regenerate = feature(False, doc="Again and again.")
    generated = TraitEvent(Generated, doc="After.")
    generating = TraitEvent(Generated, veto=True)
    pages = cache(ttl=5)
    made = counter(doc="How many.")

    @hook("creating", priority=10, when=changed("title"))
    async def fill(self) -> None:
        """Fill it."""
        self.generated(slug="a")
        self.emit("generating")
        self.emit(f"other_{self.kind}")
        self.pages.remember(f"page:{self.id}", list)

    @property
    def slug(self) -> str:
        """The slug."""
        return ""

    @slug.setter
    def slug(self, value: str) -> None: ...

    @job(queue="search")
    def reindex(self, full: bool = False) -> None:
        """Index again."""

    def title(self, at: int = 1, *, ok=None) -> str:
        if at:
            return super().title()
        return ""

class Article(HasSlug):
    """A text."""

    __traits__ = {HasSlug: {"ttl": 30 * 2, "regenerate": True}}

@listen("trait.HasSlug.*", priority=5, model=Article)
def hear(envelope): ...

@HasSlug.generated.listener
def hear_one(envelope): ...

def hear_all(envelope): ...

events.listen("trait.**", hear_all)

class Audit(TraitEventListener):
    pattern = "trait.HasSlug.generated"

    def handle(self, envelope): ...
'''
