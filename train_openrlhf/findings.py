"""What a check found: one line that says what, why and the mend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from verifier.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Finding:
    """level: ``error`` or ``warning``. text: what, why and the mend, on one line."""

    level: str
    text: str

    def __str__(self) -> str:
        return f"{self.level}: {self.text}"


def error(text: str) -> Finding:
    return Finding("error", text)


def warning(text: str) -> Finding:
    return Finding("warning", text)


def refuse(findings: Sequence[Finding]) -> None:
    """Raise ConfigError with all errors, one a line; nothing where there is none."""
    errors = [finding.text for finding in findings if finding.level == "error"]
    if errors:
        raise ConfigError("\nerror: ".join(errors))
