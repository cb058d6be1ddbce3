"""Is this response's final answer the gold answer?

    >>> from verifier import verify
    >>> verify(response=r"so it is \\boxed{0.5}", gold=r"\\frac12").status.value
    'correct'

Importing this package costs milliseconds: every heavy library is imported at its first need.
"""

from __future__ import annotations

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
