"""The applications of the tests of events across processes: rows that tell news, and listeners that write it down."""

from __future__ import annotations

import datetime
import os
import signal
from typing import Any

import msgspec
import sqlalchemy as sa
from loading import LoadingHost
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from engine_app import REQUEST, for_request, write_down
from traits_runtime import Envelope, Trait, TraitEvent, current_locale, current_tenant, hook, listen
from traits_runtime._core import runtime
from traits_runtime.adapters import sqlalchemy as _sqlalchemy  # noqa: F401 - a host of models


class Base(DeclarativeBase):
    """The base of the models."""


class News(msgspec.Struct):
    """What is told."""

    number: int
    do: str = ""
    at: datetime.datetime | None = None
    about: Story | None = None


class HasNews(Trait):
    """Tells news."""

    told = TraitEvent(News)
    told_after = TraitEvent(News, after_commit=True)
    telling = TraitEvent(News, before=True)
    whispered = TraitEvent(News)
    shown = TraitEvent()

    @hook("creating")
    def tell(self) -> None:
        """A row that is being created has no key yet."""
        self.told(number=self.number)


class Story(HasNews, Base):
    """A row."""

    __tablename__ = "story"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(default=0)


class Memo(HasNews):
    """Not of a database."""

    def __init__(self, key: int = 1) -> None:
        self.id = key


def hear(envelope: Envelope[Any]) -> None:
    """Write down what is heard, and do what it says."""
    payload, sender = envelope.payload, envelope.sender
    number, do = getattr(payload, "number", payload), getattr(payload, "do", "")
    actor = runtime.current_actor()
    write_down(
        job="heard", name=envelope.name, number=number, do=do, id=envelope.id, origin=envelope.origin, pid=os.getpid(),
        sender=[type(sender).__name__, getattr(sender, "identity", getattr(sender, "id", None))],
        payload=type(payload).__name__, at_type=type(getattr(payload, "at", None)).__name__,
        about=[type(getattr(payload, "about", None)).__name__, getattr(getattr(payload, "about", None), "id", None)],
        tenant=current_tenant(), locale=current_locale(), request=REQUEST.get(), actor=actor.id if actor else None,
    )  # fmt: skip
    mark = f"{os.environ['TRAITS_TEST_RECORD']}.{envelope.id}"
    if do == "die once" and not os.path.exists(mark):
        open(mark, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    if do == "fail" and not os.path.exists(os.environ["TRAITS_TEST_RECORD"] + ".mended"):
        raise RuntimeError("no news")


async def hear_later(envelope: Envelope[Any]) -> None:
    """A coroutine function hears, too."""
    write_down(job="heard later", number=getattr(envelope.payload, "number", None))


def load(model: type, identity: Any) -> object:
    """A memo by its key; some are gone."""
    return Memo(identity) if model is Memo and identity < 100 else None


runtime.propagate("request", lambda: REQUEST.get() or None, for_request)
if os.environ.get("TRAITS_TEST_WORKER"):
    runtime.register_host(LoadingHost(load, __name__))
    listen("trait.HasNews.*")(hear)
    listen("trait.HasNews.told")(hear_later)
    listen("trait.Elsewhere.**")(hear)


def tables(url: str) -> sa.Engine:
    """A database with the rows' tables."""
    engine = sa.create_engine(url, connect_args={"timeout": 60})
    Base.metadata.create_all(engine)
    return engine


if __name__ == "__main__":  # a sender that is killed when it has committed what it has to say
    import sys

    import forward_app
    from sqlalchemy.orm import sessionmaker

    from traits_runtime import engines
    from traits_runtime.adapters.sqlalchemy import TraitSession

    engines.start()
    made = sessionmaker(forward_app.tables(sys.argv[1]), class_=TraitSession)
    for turn in range(int(sys.argv[2])):
        with made.begin() as session:
            story = forward_app.Story(number=turn)
            session.add(story)
            session.flush()
    os.kill(os.getpid(), signal.SIGKILL)
