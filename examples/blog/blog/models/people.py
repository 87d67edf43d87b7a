"""The people who write and read."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from blog.db import Base
from traits_runtime.traits import HasDisplayName, HasRouteKey, HasSlug, HasUserTracking, SoftDeletes


class User(HasSlug, HasDisplayName, HasRouteKey, SoftDeletes, Base):
    """Somebody who writes."""

    __tablename__ = "users"
    __traits__ = {HasSlug: {"source": "name", "max_length": 40}}

    name: Mapped[str] = mapped_column(doc="Name as shown to readers.")
    email: Mapped[str] = mapped_column(unique=True)


class Subscriber(HasUserTracking, Base):
    """Somebody who reads the newsletter."""

    __tablename__ = "subscribers"

    email: Mapped[str] = mapped_column(unique=True)
