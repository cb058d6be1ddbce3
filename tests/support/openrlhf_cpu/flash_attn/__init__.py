"""Stand-in for flash-attn, which cannot be installed without CUDA: importable, and no more."""

__version__ = "0.0+standin"
