"""Traits and models that the tests of the SQLAlchemy host share."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from traits_runtime import Trait, TraitConfig, column, current_actor, feature, hook, option, scope, unchanged
from traits_runtime.adapters import sqlalchemy as _host

MOMENTS: list[str] = []
"""The moments that were lived through, `moment Model`; emptied before every test."""


class KeeperConfig(TraitConfig):
    """How the columns are called, and of what type a keeper's key is."""

    keeper_column: str = option("kept_by", doc="Column of the keeper.")
    keeper_type: str = option("str", doc="Type of a keeper's key.")


def acting_key(_model: type) -> Any:
    """The key of the actor, None for nobody."""
    actor = current_actor()
    return None if actor is None else actor.id


def changing_key(model: Any) -> Any:
    """The key of the actor, unless the model does not follow changes now."""
    return acting_key(model) if model.enabled("follow") else unchanged


class HasKeeper(Trait):
    """Who made and who last changed a row."""

    keeper_config = KeeperConfig()
    follow = feature(True)

    kept_by = column(str, nullable=True, on_insert=acting_key, named_by="keeper_column", typed_by="keeper_type")
    changed_by = column(str, nullable=True, on_insert=acting_key, on_update=changing_key, length=40, index=True)
    made_at = column(dt.datetime, on_insert=lambda _model: dt.datetime.now(dt.UTC), doc="When the row was made.")

    @scope()
    @classmethod
    def of(cls, keeper: str) -> Any:
        """Rows of a keeper."""
        return cls.kept_by == keeper


class Hides(Trait):
    """Rows that are hidden are not found."""

    hidden = column(bool, default=False)

    @scope(always=True, lifted_by="with_hidden")
    @classmethod
    def shown(cls) -> Any:
        """Rows that are not hidden."""
        return cls.hidden.is_(False)


class HasMoments(Trait):
    """Notes what it lives through."""

    @hook("saving")
    def on_saving(self) -> None:
        MOMENTS.append(f"saving {type(self).__name__}")

    @hook("creating")
    def on_creating(self) -> None:
        MOMENTS.append(f"creating {type(self).__name__}")

    @hook("created")
    def on_created(self) -> None:
        MOMENTS.append(f"created {type(self).__name__}")

    @hook("updating")
    def on_updating(self) -> None:
        MOMENTS.append(f"updating {type(self).__name__}")

    @hook("updated")
    def on_updated(self) -> None:
        MOMENTS.append(f"updated {type(self).__name__}")

    @hook("saved")
    def on_saved(self) -> None:
        MOMENTS.append(f"saved {type(self).__name__}")

    @hook("deleting")
    def on_deleting(self) -> None:
        MOMENTS.append(f"deleting {type(self).__name__}")

    @hook("deleted")
    def on_deleted(self) -> None:
        MOMENTS.append(f"deleted {type(self).__name__}")


class Base(DeclarativeBase):
    """The base of the shared models."""


class Shelf(HasMoments, Hides, Base):
    """A shelf with boxes."""

    __tablename__ = "shelf"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    boxes: Mapped[list[Carton]] = relationship(
        back_populates="shelf", cascade="all, delete-orphan", order_by="Carton.id"
    )


class Carton(HasKeeper, HasMoments, Hides, Base):
    """A box on a shelf."""

    __tablename__ = "carton"
    id: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str]
    shelf_id: Mapped[int | None] = mapped_column(ForeignKey("shelf.id"))
    shelf: Mapped[Shelf | None] = relationship(back_populates="boxes")


class Crate(HasKeeper, Base):
    """A box whose keeper has another name and another type."""

    __tablename__ = "crate"
    __traits__ = {HasKeeper: {"keeper_column": "owner_id", "keeper_type": "int"}}  # noqa: RUF012
    id: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str] = mapped_column(default="")


__all__ = ["MOMENTS", "Base", "Carton", "Crate", "HasKeeper", "HasMoments", "Hides", "Shelf"]

assert _host
