"""Preloaded by the workers of `adversarial_runner`: arms the audit hook there."""

from __future__ import annotations

import os

import adversarial_runner

adversarial_runner.arm_worker()


def misbehave(_: object) -> int:
    """A task that does what no text may: the proof that the hook is armed."""
    return os.open("/dev/zero", os.O_WRONLY)
