"""The reward server's token: kept as a digest, compared in constant time.

Promises: neither the time of a comparison nor any text made here tells something about the token, its length included.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable


class Token:
    """A token that clients must show.

    >>> Token("a secret of this house").matches("a secret"), Token("a secret of this house").matches(None)
    (False, False)
    """

    __slots__ = ("_digest",)

    def __init__(self, text: str) -> None:
        self._digest = _digest(text)

    def matches(self, given: str | None) -> bool:
        """Whether that is it; None never is."""
        return given is not None and hmac.compare_digest(_digest(given), self._digest)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def from_headers(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The token of an Authorization header: Bearer, or the password of Basic."""
    for name, value in headers:
        if name == b"authorization":
            scheme, _, text = value.decode("latin-1").partition(" ")
            if scheme.lower() == "bearer":
                return text.strip()
            if scheme.lower() == "basic":
                try:
                    decoded = base64.b64decode(text, validate=True).decode("utf-8", "replace")
                except binascii.Error:
                    return None
                return decoded.partition(":")[2]
    return None
