"""Keyed randomness: the same key gives the same draw, in any order, process or retry.

A draw is 128 bits of BLAKE2b over the JSON text of its key, so an event of probability p (a float) happens for
exactly a share p of the 2**128 draws, and keys that differ anywhere are independent for all that a run can see.
"""

from __future__ import annotations

import hashlib
import json

from ..errors import ConfigError
from ..rows import Row
from .base import Context

_BITS = 128


def happens(probability: float, *key: str | int) -> bool:
    """Whether an event of this probability happens under this key.

    >>> happens(1.0, "a"), happens(0.0, "a"), happens(0.5, "a") == happens(0.5, "a")
    (True, False, True)
    """
    digest = hashlib.blake2b(json.dumps(key).encode(), digest_size=_BITS // 8).digest()
    # A float times a power of two is exact, and so is Python's comparison of an int with a float.
    return int.from_bytes(digest, "big") < probability * 2.0**_BITS


def sample_key(kind: str, row: Row, context: Context) -> tuple[str, int, int]:
    """(id, visit, index) of one sample; raises ConfigError where the caller does not say them."""
    if row.visit is None:
        raise ConfigError(f"the reward {kind!r} needs the row's visit; let `visit` travel in the row")
    if context.index is None:
        raise ConfigError(f"the reward {kind!r} needs the index of the response in its group")
    return row.id, row.visit, context.index
