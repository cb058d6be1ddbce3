"""The exceptions that the package raises on purpose.

Promises: what a model or a data set wrote never raises; these are for the caller's own mistakes.

    VerifierError
    ├── ConfigError      a setting that cannot be honoured
    └── InputError       a file or a row that cannot be read; names the file, line and field
"""

from __future__ import annotations


class VerifierError(Exception):
    """Base of every exception raised on purpose."""


class ConfigError(VerifierError, ValueError):
    """A setting that cannot be honoured; the message names the setting and the mend."""


class InputError(VerifierError, ValueError):
    """An input that cannot be read; the message names file, line and field, and the mend."""
