"""What readers say and look for."""

from __future__ import annotations

from blog.db import Base
from traits_runtime.traits import HasUserTracking, IsComment, IsTag, SoftDeletes


class Comment(IsComment, HasUserTracking, SoftDeletes, Base):
    """What a reader says about a text."""

    __tablename__ = "comments"


class Tag(IsTag, Base):
    """A label that readers browse by."""

    __tablename__ = "tags"
