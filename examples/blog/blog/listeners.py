"""What the blog does when something happened; importing this module registers the listeners."""

from __future__ import annotations

import logging
from typing import Any

from blog.models import Article
from blog.traits import HasSlug
from traits_runtime import Envelope, listen

log = logging.getLogger(__name__)


@listen("trait.**")
def audit(envelope: Envelope[Any]) -> None:
    """Write every trait event to the audit log."""
    log.info("%s on %s", envelope.name, type(envelope.sender).__name__)


@listen("trait.*.published", model=Article, priority=10)
def queue_notifications(envelope: Envelope[Any]) -> None:
    """Tell the followers of the author when an article becomes public for the first time."""
    if envelope.payload.first_time:
        log.info("followers are told about %s", envelope.sender.slug)


@HasSlug.slug_generated.listener
def remember_old_address(envelope: Envelope[Any]) -> None:
    """Keep the old address of a row, so that links to it go on working."""
    if envelope.payload.old:
        log.info("%s moved to %s", envelope.payload.old, envelope.payload.slug)
