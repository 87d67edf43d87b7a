"""The models of the blog."""

from blog.models.content import Article, Category, Page, Series
from blog.models.discussion import Comment, Tag
from blog.models.media import Image, MediaFile
from blog.models.people import Subscriber, User

__all__ = ["Article", "Category", "Comment", "Image", "MediaFile", "Page", "Series", "Subscriber", "Tag", "User"]
