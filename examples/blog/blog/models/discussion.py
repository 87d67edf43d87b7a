"""What readers say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from blog.db import Base
from blog.traits import HasUserTracking, SoftDeletes

if TYPE_CHECKING:
    from blog.models.content import Article


class Comment(HasUserTracking, SoftDeletes, Base):
    """What a reader says about an article."""

    __tablename__ = "comments"

    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id"))
    text: Mapped[str]

    article: Mapped[Article] = relationship(back_populates="comments")

    def delete(self) -> None:
        """Put the comment into the waste bin and blank its text: readers may ask for that."""
        self.text = ""
        super().delete()
