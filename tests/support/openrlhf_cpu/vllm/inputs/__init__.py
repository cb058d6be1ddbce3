"""Stand-in."""

from __future__ import annotations

from typing import Any


class TokensPrompt(dict[str, Any]):
    """A mapping with ``prompt_token_ids``."""
