"""Reward signals: what training pays for, from one grader."""

from __future__ import annotations

from .base import NEEDS, NO_CONTEXT, Context, Reward

__all__ = ["NEEDS", "NO_CONTEXT", "Context", "Reward"]
