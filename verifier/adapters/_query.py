"""The response inside a query, as OpenRLHF sends it: prompt and response in one text, special tokens included.

Promises: what comes back is what decoding the response's tokens without special tokens gives, so that every way into
the grader sees the same text. Never raises on text. Does not promise to find a response behind a prompt that was cut
(OpenRLHF cuts long prompts on the left): a box of the prompt must not be taken for the response's, so that is None.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

SPECIAL_TOKENS = (
    "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|endofprompt|>",  # Qwen, SmolLM, OLMo
    "<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", "<|eom_id|>",  # Llama 3
    "<|start_header_id|>", "<|end_header_id|>", "<|finetune_right_pad_id|>",
    "<s>", "</s>", "<unk>", "<pad>",  # Llama 2, Mistral
    "<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>",  # Gemma
)  # fmt: skip
"""For those who have no tokenizer at hand. None of them is text that a solution contains."""
CUT = "a query does not begin with its prompt (was the prompt cut?)"


def strip_special(text: str, special_tokens: Iterable[str] = SPECIAL_TOKENS) -> str:
    r"""The text without any special token, wherever it stands; nothing else is changed.

    >>> strip_special("<s>is \\boxed{5}<|im_end|>\n<|endoftext|>")
    'is \\boxed{5}\n'
    """
    pattern = _pattern(tuple(special_tokens))
    return pattern.sub("", text) if pattern else text


def response_of_query(query: str, prompt: str, special_tokens: Iterable[str] = SPECIAL_TOKENS) -> str | None:
    r"""What the model wrote behind ``prompt``, without special tokens; None where the query does not begin with it.

    Special tokens at the query's head that the prompt lacks (a bos that the tokenizer added), and the other way
    round, do not count.

    >>> response_of_query("<s>2+2= 4</s>", "2+2=")
    ' 4'
    >>> response_of_query("of a long prompt 4</s>", "a head of a long prompt") is None
    True
    """
    tokens = tuple(special_tokens)
    if query.startswith(prompt):
        return strip_special(query[len(prompt) :], tokens)
    bare, head = strip_special(query, tokens), strip_special(prompt, tokens)
    return bare[len(head) :] if bare.startswith(head) else None


@lru_cache(maxsize=64)
def _pattern(tokens: tuple[str, ...]) -> re.Pattern[str] | None:
    """Matches any of the tokens, the longest first; None without tokens."""
    words = sorted({token for token in tokens if token}, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, words))) if words else None
