r"""Rewrites that keep the meaning and change only how a gold is set: wrappers, spacing, spellings of one sign.

A row is (name, function); the function gives the rewritten text, or None where the rewrite does not apply.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

golds = sys.modules["rewrites_golds"]  # loaded before this one by `golds.load`: the tests are no package

Rewrite = Callable[["golds.Gold"], "str | None"]
TEXT = r"\\(?:text|mbox|textbf|textit|mathrm|operatorname)"


def wrapped(template: str, condition: Callable[[golds.Gold], bool]) -> Rewrite:
    """The bare gold in a template whose ``@`` stands for it."""
    return lambda gold: template.replace("@", gold.bare) if condition(gold) else None


def replaced(pattern: str, by: str | Callable[[re.Match[str]], str], unless: str = "") -> Rewrite:
    """Every occurrence of the pattern replaced; not where there is none, or where ``unless`` occurs."""
    find = re.compile(pattern, re.S)
    forbid = re.compile(unless) if unless else None

    def rewrite(gold: golds.Gold) -> str | None:
        if forbid is not None and forbid.search(gold.raw):
            return None
        text, count = find.subn(by, gold.raw)
        return text if count and text != gold.raw else None

    return rewrite


def plain(gold: golds.Gold) -> bool:
    return bool(gold.plain)


def formula(gold: golds.Gold) -> bool:
    """One formula without words: a font or colour may go around it."""
    return bool(gold.plain and gold.wordless)


def single(gold: golds.Gold) -> bool:
    """A formula without commas: braces around it cannot turn a list into a set."""
    return formula(gold) and "," not in gold.bare


def no_stop(gold: golds.Gold) -> bool:
    return bool(gold.plain and gold.bare[-1] not in ".,;:!?")


def number(gold: golds.Gold) -> bool:
    return gold.rational is not None


WRAPPERS = [
    ("spaces around", wrapped("  @  ", plain)),
    ("newlines around", wrapped("\n@\n", plain)),
    ("dollars", wrapped("$@$", plain)),
    ("spaced dollars", wrapped("$ @ $", plain)),
    ("double dollars", wrapped("$$@$$", plain)),
    ("round delimiters", wrapped(r"\(@\)", plain)),
    ("square delimiters", wrapped(r"\[@\]", plain)),
    ("square delimiters, own lines", wrapped("\\[\n  @\n\\]", plain)),
    ("trailing period", wrapped("@.", no_stop)),
    ("period in dollars", wrapped("$@.$", no_stop)),
    ("period behind dollars", wrapped("$@$.", no_stop)),
    ("trailing comma", wrapped("@,", no_stop)),
    ("markdown bold", wrapped("**@**", lambda g: plain(g) and "*" not in g.bare)),
    ("markdown bold dollars", wrapped("**$@$**", lambda g: plain(g) and "*" not in g.bare)),
    ("braces", wrapped("{@}", single)),
    ("bold mathematics", wrapped(r"\mathbf{@}", formula)),
    ("bold symbols", wrapped(r"\boldsymbol{@}", formula)),
    ("upright", wrapped(r"\mathrm{@}", number)),
    ("bold switch", wrapped(r"{\bf @}", number)),
    ("number as text", wrapped(r"\text{@}", lambda g: number(g) and "\\" not in g.bare)),
    ("number as bold text", wrapped(r"\textbf{@}", lambda g: number(g) and "\\" not in g.bare)),
    ("formula in text", wrapped(r"\text{$@$}", formula)),
    ("colour command", wrapped(r"\color{red}{@}", single)),
    ("colour switch", wrapped(r"{\color{blue} @}", single)),
    ("text colour", wrapped(r"\textcolor{red}{@}", single)),
    ("display style", wrapped(r"\displaystyle @", plain)),
    ("large", wrapped(r"\large @", plain)),
    ("box in box", wrapped(r"\boxed{@}", plain)),
    ("frame in box", wrapped(r"\fbox{$@$}", plain)),
    ("quads around", wrapped(r"\quad @ \quad", plain)),
    ("thin spaces around", wrapped(r"\, @\,", plain)),
    ("negative spaces around", wrapped(r"\!@\!", formula)),
    ("ties around", wrapped("~@~", plain)),
    ("double line break behind", wrapped(r"@ \\", plain)),
]

SPACING = [
    ("doubled spaces", replaced(" ", "  ", unless=r"\d \d")),
    ("newlines for spaces", replaced(r"(?<!\\) ", "\n", unless=r"\d \d|" + TEXT)),
    (
        "tight operators",
        replaced(
            r"(?<![\\\w]) *([-+=<>]) *(?=[\w\\({])|(?<=[\w)}]) *([-+=]) *",
            lambda m: m[1] or m[2],
            unless=r"\de *-|" + TEXT,
        ),
    ),
    ("spaced operators", replaced(r"(?<=[\w)}])([+=])(?=[\w\\({])", r" \1 ", unless=TEXT + "|[_^]")),
    ("thin spaces at plus", replaced(r" ?\+ ?", r"\\,+\\,", unless=TEXT)),
    (
        "space after commands",
        replaced(r"(\\(?:[dtc]?frac|sqrt|pi|cdot|times|left|right))(?=[{(\[\d])", r"\1 ", unless=r"\\(?:left|right)\\"),
    ),
    ("no space after commands", replaced(r"(\\(?:[dtc]?frac|sqrt)) +(?=\{)", r"\1")),
    ("spaces in groups", replaced(r"\{([^{}\\]+)\}", r"{ \1 }", unless=TEXT + r"|\\(?:begin|end|color)")),
    ("spaces after commas", replaced(r"(?<=[^\d\s{]),(?=\S)|,(?=[^\d\s}])", ", ", unless=TEXT)),
    ("thin spaces after commas", replaced(r", +(?=\S)", r",\\,", unless=r", *\d{3}(?!\d)|" + TEXT)),
]

BRACKETS = [
    ("left and right", lambda g: _sized(g, r"\left", r"\right")),
    ("big left and right", lambda g: _sized(g, r"\bigl", r"\bigr")),
    ("no left and right", replaced(r"\\(?:left|right)(?=[()\[\]])", "")),
    ("unspaced left and right", replaced(r"(\\(?:left|right)[()\[\]]) +", r"\1")),
]


def _sized(gold: golds.Gold, opening: str, closing: str) -> str | None:
    """Sized brackets, pairwise; brackets of roots, delimiters and text are left alone by not applying."""
    if (
        not formula(gold)
        or re.search(r"\\(?:left|right|[bB]ig|sqrt\[)|" + TEXT, gold.bare)
        or not re.search(r"[(\[]", gold.bare)
    ):
        return None
    depth = 0
    for char in gold.bare:
        depth += (char in "([") - (char in ")]")
        if depth < 0:
            return None
    if depth:
        return None
    return re.sub(r"[)\]]", lambda m: closing + m[0], re.sub(r"[(\[]", lambda m: opening + m[0], gold.bare))


SPELLINGS = [
    ("dfrac", replaced(r"\\[tc]?frac(?![a-zA-Z])", r"\\dfrac")),
    ("tfrac", replaced(r"\\[dc]?frac(?![a-zA-Z])", r"\\tfrac")),
    ("cfrac", replaced(r"\\[dt]?frac(?![a-zA-Z])", r"\\cfrac")),
    ("frac", replaced(r"\\[dtc]frac(?![a-zA-Z])", r"\\frac")),
    ("frac without braces", replaced(r"\\(d?)frac\s*\{(\d)\}\s*\{(\d)\}", r"\\\1frac\2\3")),
    ("frac with braces", replaced(r"\\([dt]?)frac ?(\d)(\d)", r"\\\1frac{\2}{\3}")),
    ("frac half braced", replaced(r"\\frac\{(\d)\}\{", r"\\frac\1{")),
    ("over", replaced(r"\\[dtc]?frac\{([^{}]*)\}\{([^{}]*)\}", r"{\1 \\over \2}", unless=r"\\\\")),
    ("root without braces", replaced(r"\\sqrt ?\{(\d)\}", r"\\sqrt\1")),
    ("root with braces", replaced(r"\\sqrt ?(\d)(?!\d)", r"\\sqrt{\1}")),
    ("square root with index", replaced(r"\\sqrt ?(?=[{\d])", r"\\sqrt[2]")),
    ("root sign", replaced(r"\\sqrt ?\{(\d+)\}", r"√\1", unless=r"\\sqrt ?\{\d+\} ?[\d.]")),
    ("root sign with brackets", replaced(r"\\sqrt ?\{([^{}]*)\}", r"√(\1)")),
    ("root sign with braces", replaced(r"\\sqrt ?\{([^{}]*)\}", r"√{\1}")),
    ("root function", replaced(r"\\sqrt ?\{([^{}]*)\}", r"sqrt(\1)", unless=r"[a-zA-Z]\\sqrt")),
    (
        "root as a power",
        replaced(r"\\sqrt ?\{(\d+|[a-z])\}", r"\1^{1/2}", unless=r"\d ?\\sqrt|\\\\|\\sqrt ?\{[^}]*\} ?\^"),
    ),
    ("pi sign", replaced(r"\\pi(?![a-zA-Z])", "π")),
    ("pi as a word", replaced(r"(?<![a-zA-Z])\\pi(?! ?[a-zA-Z{(])", "pi", unless=r"[a-zA-Z)}] ?\\pi")),
    ("infinity sign", replaced(r"\\infty", "∞")),
    ("union sign", replaced(r"\\cup(?![a-zA-Z])", "∪")),
    ("times for cdot", replaced(r"\\cdot(?![a-zA-Z])", r"\\times")),
    ("cdot for times", replaced(r"\\times(?![a-zA-Z])", r"\\cdot")),
    ("times sign", replaced(r"\\times(?![a-zA-Z])", "×")),
    ("dot sign", replaced(r"\\cdot(?![a-zA-Z])", "·")),
    ("star for cdot", replaced(r"\\cdot(?![a-zA-Z])", "*")),
    ("star at pi", replaced(r"(?<=\d) ?\\pi(?![a-zA-Z])", r"*\\pi", unless=r"[_^/]")),
    ("minus sign", replaced("-", "−", unless=TEXT)),
    ("en dash", replaced("-", "–", unless=TEXT)),
    (
        "full-width digits",
        lambda g: (
            g.bare.translate(_WIDE)
            if formula(g) and re.search(r"\d", g.bare) and not re.search(r"(?:frac|sqrt|[_^])\s*\d", g.bare)
            else None
        ),
    ),
    (
        "full-width brackets and commas",
        replaced(r"[(),]", lambda m: _WIDE_SIGNS[m[0]], unless=r"\\[()]|\\(?:left|right)|\d,\d|" + TEXT),
    ),
    ("superscript two", replaced(r"(?<=[a-z)])\^(?:2(?!\d)|\{2\})", "²", unless=r"\\[a-z]+\^")),
    ("braced exponents", replaced(r"\^(\d)", r"^{\1}")),
    ("bare exponents", replaced(r"\^\{(\d|[a-z])\}", r"^\1")),
    ("starred exponents", replaced(r"(?<=[\w)])\^(\d)(?!\d)", r"**\1", unless=r"\\[dtc]?frac\d|\\[a-z]+\^|" + TEXT)),
    ("braced subscripts", replaced(r"_([\da-zA-Z])(?![\da-zA-Z])", r"_{\1}")),
    ("bare subscripts", replaced(r"_\{([\da-zA-Z])\}", r"_\1")),
    ("le for leq", replaced(r"\\leq(?![a-zA-Z])", r"\\le ")),
    ("leq for le", replaced(r"\\le(?![a-zA-Z])", r"\\leq")),
    ("ge for geq", replaced(r"\\geq(?![a-zA-Z])", r"\\ge ")),
    ("order signs", replaced(r"\\([lg])eq?(?![a-zA-Z])", lambda m: {"l": "≤", "g": "≥"}[m[1]])),
    ("ASCII order signs", replaced(r"\\([lg])eq?(?![a-zA-Z])", lambda m: {"l": "<=", "g": ">="}[m[1]])),
    ("slanted order signs", replaced(r"\\([lg])eq?(?![a-zA-Z])", r"\\\1eqslant")),
    ("named order signs", replaced("[<>]", lambda m: {"<": r"\lt ", ">": r"\gt "}[m[0]])),
    ("HTML order signs", replaced("[<>]", lambda m: {"<": "&lt;", ">": "&gt;"}[m[0]])),
    ("lbrace", replaced(r"\\([{}])", lambda m: {"{": r"\lbrace ", "}": r"\rbrace "}[m[1]], unless=r"\\(?:left|right)")),
    ("braced degree", replaced(r"\^ ?\\circ", r"^{\\circ}")),
    ("degree sign", replaced(r"\^ ?(?:\{ ?\\circ ?\}|\\circ)", "°")),
    ("degree command", replaced(r"\^ ?(?:\{ ?\\circ ?\}|\\circ)", r"\\degree")),
    ("spaced degree", replaced(r"\^ ?(?:\{ ?\\circ ?\}|\\circ)", r"^{ \\circ }")),
    ("ordinal sign for degree", replaced(r"\^ ?(?:\{ ?\\circ ?\}|\\circ)", "º")),
    (
        "degrees as a word",
        replaced(r"\^ ?(?:\{ ?\\circ ?\}|\\circ)", r"\\text{ degrees}", unless=r"\\(?:sin|cos|tan|frac|mathrm)|[,+/]"),
    ),
    ("plain percent", replaced(r"\\%", "%")),
    ("spaced percent", replaced(r"\s*\\%", r" \\%")),
    ("percent as a word", replaced(r"\s*\\%", r"\\text{ percent}", unless=r"[,+=]|times")),
    ("text percent", replaced(r"\s*\\%", r"\\text{\\%}")),
    ("pmatrix as bmatrix", replaced(r"\{pmatrix\}", "{bmatrix}")),
    (
        "pmatrix as matrix",
        replaced(r"\\begin\{pmatrix\}(.*?)\\end\{pmatrix\}", r"\\left(\\begin{matrix}\1\\end{matrix}\\right)"),
    ),
    (
        "pmatrix as array",
        replaced(r"\\begin\{pmatrix\}(.*?)\\end\{pmatrix\}", r"\\left[\\begin{array}{ccc}\1\\end{array}\\right]"),
    ),
    ("text as mbox", replaced(r"\\text\{", r"\\mbox{")),
    ("text as upright", replaced(r"\\text\{", r"\\textrm{")),
    ("text as mathrm", replaced(r"\\text\{ ?([a-zA-Z]+) ?\}", r"\\mathrm{\1}", unless=r"\{ ?(?:and|or) ?\}")),
    ("spaces in text", replaced(r"\\text\{ ?([^{}]*?) ?\}", r"\\text{ \1 }", unless=r"th\}|st\}|[_^]\{\\text")),
    ("form feed for frac", replaced(r"\\f(?=rac)", "\x0c")),
    ("tab for text and times", replaced(r"\\t(?=ext|imes|frac)", "\t")),
    ("backspace for begin and binom", replaced(r"\\b(?=egin|inom)", "\x08")),
    ("return for right", replaced(r"\\r(?=ight)", "\r")),
    ("doubled backslashes", replaced(r"\\(?=[a-zA-Z{}%$])", r"\\\\", unless=r"\\\\|\\begin|^\\\[")),
    ("zero-width spaces", lambda g: "\u200b" + g.bare + "\u200b" if g.plain else None),
    ("no-break spaces", replaced(r"(?<!\\) ", "\u00a0")),
    ("invisible times", replaced(r"(?<=\d)(?= ?\\(?:pi|sqrt))", "\u2062", unless=r"[\d}]\^|_|\\(?:frac|sqrt)\d")),
]
_WIDE = {48 + d: 0xFF10 + d for d in range(10)}
_WIDE_SIGNS = {"(": "（", ")": "）", ",": "，"}

TABLE: list[tuple[str, Rewrite]] = [*WRAPPERS, *SPACING, *BRACKETS, *SPELLINGS]
