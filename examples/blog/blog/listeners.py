"""What the blog does when something happened; importing this module registers the listeners."""

from __future__ import annotations

import logging
from typing import Any

from blog.models import Article
from blog.traits import Announced
from blog.traits.announcing import FollowersTold
from traits_runtime import Envelope, listen
from traits_runtime.traits import HasSlug
from traits_runtime.traits.slug import SlugGenerated

log = logging.getLogger(__name__)


@listen("trait.**")
def audit(envelope: Envelope[Any]) -> None:
    """Write every trait event to the audit log."""
    log.info("%s on %s", envelope.name, type(envelope.sender).__name__)


@listen("trait.*.published", model=Article, priority=10)
def refresh_front_page(envelope: Envelope[Any]) -> None:
    """Have the front page made anew when an article becomes public."""
    log.info("the front page shows %s", envelope.sender.display_name)


@Announced.followers_told.listener
def queue_letters(envelope: Envelope[FollowersTold]) -> None:
    """Queue the letters to the followers."""
    envelope.sender.tell_followers.enqueue()


@HasSlug.slug_generated.listener
def note_move(envelope: Envelope[SlugGenerated]) -> None:
    """Note that a row has another address now."""
    if envelope.payload.old:
        log.info("%s moved to %s", envelope.payload.old, envelope.payload.slug)
