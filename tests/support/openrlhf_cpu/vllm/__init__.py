"""Stand-in for vLLM: what OpenRLHF 0.11.2 calls of it, with transformers' ``generate`` behind it, on the CPU."""

from __future__ import annotations

from . import _no_gpu
from .engine import AsyncEngineArgs, AsyncLLMEngine, SamplingParams

__all__ = ["AsyncEngineArgs", "AsyncLLMEngine", "SamplingParams"]
__version__ = "0.29.0+standin"  # OpenRLHF compares it with the versions that it supports

_no_gpu.make_cuda_queries_harmless()
