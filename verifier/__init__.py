"""Is this response's final answer the gold answer?

    >>> from verifier import verify
    >>> verify(response=r"so it is \\boxed{0.5}", gold=r"\\frac12").status.value
    'correct'

Importing this package costs milliseconds: a name is loaded at its first use, and every heavy
library at its first need.
"""

from __future__ import annotations

TYPE_CHECKING = False  # type checkers know the name; importing `typing` for it would cost milliseconds

if TYPE_CHECKING:
    from typing import Any

    from .api import averify, equivalent, extract, verify, verify_batch
    from .config import Limits, Policy, VerifierConfig
    from .errors import ConfigError, InputError, VerifierError
    from .verdict import Reason, Rung, Status, Verdict

__version__ = "0.1.0"

__all__ = [
    "ConfigError",
    "InputError",
    "Limits",
    "Policy",
    "Reason",
    "Rung",
    "Status",
    "Verdict",
    "VerifierConfig",
    "VerifierError",
    "averify",
    "equivalent",
    "extract",
    "verify",
    "verify_batch",
]

_HOMES = {
    **dict.fromkeys(("averify", "equivalent", "extract", "verify", "verify_batch"), "api"),
    **dict.fromkeys(("Limits", "Policy", "VerifierConfig"), "config"),
    **dict.fromkeys(("ConfigError", "InputError", "VerifierError"), "errors"),
    **dict.fromkeys(("Reason", "Rung", "Status", "Verdict"), "verdict"),
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(f".{home}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
