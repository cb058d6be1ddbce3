r"""The vocabulary of plain mathematics, which `plain` reads: its tokens, and what each of them is.

Promises: a text is either tokens from its first character to its last, or not plain; a numeral is parted as the
grammar's tokenizer parts it.
"""

from __future__ import annotations

import re

from .grammar.scripts import symbol
from .grammar.tables import FUNCTIONS, RELATIONS

# `d` may be a differential, `o` a degree, `T` a transposition, `U` a union, `K` a temperature, `A` to `J` choices.
LETTERS = "abcefghijklmnpqrstuvwxyzLMNQRSVWXYZ"
_FUNCTIONS = {
    rf"\{name}": FUNCTIONS[name] for name in "sin cos tan cot sec csc arcsin arccos arctan ln log exp".split()
}
_RELATIONS = {
    **{sign: RELATIONS[sign] for sign in ("=", "<", ">", "<=", ">=")},
    **{rf"\{name}": RELATIONS[name] for name in "le leq lt ge geq gt ne neq in".split()},
}
_KINDS = {
    **dict.fromkeys(LETTERS, "letter"),
    **dict.fromkeys(_FUNCTIONS, "function"),
    **dict.fromkeys(_RELATIONS, "relation"),
    **{sign: sign for sign in "+-*/^(){}[],&%!"},
    r"\cdot": "*", r"\times": "*", r"\pm": "pm", r"\cup": "cup", r"\pi": "pi", r"\infty": "oo", r"\sqrt": "sqrt",
    r"\frac": "frac", r"\dfrac": "frac", r"\tfrac": "frac", r"\binom": "binom", r"\dbinom": "binom",
    r"^\circ": "degree", r"^{\circ}": "degree",
    r"\$": "$", r"\%": "%", r"\{": r"\{", r"\}": r"\}", r"\left\{": r"\{", r"\right\}": r"\}",
    r"\left(": "(", r"\right)": ")", r"\left[": "[", r"\right]": "]", r"\\": r"\\",
    **{edge: edge for kind in "pb" for edge in (rf"\begin{{{kind}matrix}}", rf"\end{{{kind}matrix}}")},
}  # fmt: skip


def _spaced(spellings: dict[str, str]) -> dict[str, str]:
    """With a space before or behind each, where the tokens have one."""
    return {
        f"{before}{spelling}{behind}": meaning
        for spelling, meaning in spellings.items()
        for before in ("", " ")
        for behind in ("", " ")
    }


KINDS = _spaced(_KINDS)  # of every token but the numerals
FUNCTION_NAMES = _spaced(_FUNCTIONS)
RELATION_NAMES = _spaced(_RELATIONS)
SYMBOLS = {f"{space}{letter}": symbol(letter) for letter in LETTERS for space in ("", " ")}

_GROUPED = r"(?<!\d,)[1-9]\d{0,2}(?:,\d{3})+(?!\d|,\d)|[1-9]\d{0,2}(?:(?:\{,\}|,\\! ?)\d{3})+(?!\d)"
_COMMANDS = "|".join(name[1:] for name in _KINDS if name[1:].isalpha())
# The commonest numerals, braces, letters, superscripts, operators and commands, and the other numerals. A space may
# stand where it has no meaning: around operators, brackets and commands, and before a letter.
_TOKEN = re.compile(
    r"\d+(?:\.\d+)?(?![\d.]|,\d{3}|,\\|\{,)|[{}]"
    rf"|(?<![a-zA-Z]) ?[{LETTERS}](?![a-zA-Z])"
    r"|\^(?:\\circ(?![a-zA-Z]) ?|\{\\circ\} ?)?"
    r"| ?(?:[-+*/,()\[\]=&%]|[<>]=?|!(?!=)|\\[$%{}\\]|\\left(?:[(\[]|\\\{)|\\right(?:[)\]]|\\\})"
    rf"|\\(?:begin|end)\{{[pb]matrix\}}|\\(?:{_COMMANDS})(?![a-zA-Z])) ?"
    rf"|(?:{_GROUPED}|\d+)(?:\.\d+)?(?![\d.])|\.\d+(?![\d.])",
    re.ASCII,
)


def plain_tokens(text: str) -> list[str]:
    r"""The tokens of a text, of which some hold spaces; none where something in it is no token.

    >>> plain_tokens(r"x + \frac{1,000}{7}"), plain_tokens("two")
    (['x', ' + ', '\\frac', '{', '1,000', '}', '{', '7', '}'], [])
    """
    tokens: list[str] = _TOKEN.findall(text)
    return tokens if "".join(tokens) == text else []
