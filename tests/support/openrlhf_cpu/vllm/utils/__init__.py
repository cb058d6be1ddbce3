"""Stand-in."""

from __future__ import annotations

import uuid


def random_uuid() -> str:
    """A name for a request."""
    return uuid.uuid4().hex
