"""Files that texts refer to."""

from __future__ import annotations

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from blog.db import Base
from traits_runtime.traits import HasTags, HasUserTracking, SoftDeletes


class MediaFile(HasTags, HasUserTracking, SoftDeletes, Base):
    """An uploaded file."""

    __tablename__ = "media"
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "file"}

    path: Mapped[str] = mapped_column(doc="Where the file lies, relative to the upload folder.")
    kind: Mapped[str]


class Image(MediaFile):
    """A picture, with what a screen reader says about it."""

    __tablename__ = "images"
    __mapper_args__ = {"polymorphic_identity": "image"}

    id: Mapped[int] = mapped_column(ForeignKey("media.id"), primary_key=True)
    alt_text: Mapped[str] = mapped_column(default="", doc="Description for those who cannot see the picture.")
