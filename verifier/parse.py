"""Answers as people and models write them -> one node.

Promises: `parse` returns a node or raises ParseError (with a position), LimitError or
UndefinedError, and nothing else, in time linear in the text. Delimiters, boxes and markdown around
an answer are taken off first; words that no rule reads as mathematics become Text.
"""

from __future__ import annotations

import re

from .config import DEFAULT_CONFIG, Limits, Policy
from .grammar.numerals import numeral
from .grammar.statement import StatementParser
from .nodes import Based, Choice, Const, Div, Mul, Name, Node, Num, Pow, Text, negate, rebuilt
from .plain import plain
from .syntax import LimitError, ParseError, UndefinedError, normalise, tokenize
from .words import canonical_words, is_word, spelled_number

_WRAPPERS = (
    ("<answer>", "</answer>"), (r"\(", r"\)"), (r"\[", r"\]"), ("$$", "$$"), ("$", "$"), ("***", "***"), ("**", "**"),
    ("*", "*"), ("__", "__"), ("_", "_"), ("`", "`"), ('"', '"'), ("'", "'"), ("<b>", "</b>"),
    ("<strong>", "</strong>"),
)  # fmt: skip
_WRAPPERS_BY_START = {
    start: tuple(pair for pair in _WRAPPERS if pair[0][0] == start)
    for start in {opening[0] for opening, _ in _WRAPPERS}
}
_INFIX = re.compile(r"\\(?:over|choose|atop)(?![a-zA-Z])")
_BASE_WORDS = dict(zip("two three four five six seven eight nine ten eleven twelve".split(), range(2, 13), strict=True))
_BASED = re.compile(
    r"\(?(?:\\(?:text|mathrm)\s*\{\s*)?(\d[0-9A-Za-z]*|[A-F][0-9A-F]+|[a-f][0-9a-f]+(?=\W*_\W*16\b))\}?\)?\s*"
    r"(?:_\s*\{?\s*(?:\\(?:text|mathrm)\s*\{\s*|\()?(?:base\s*\}?\s*)?(?P<base>\d\d?|[a-z]+)\s*[})]*"
    r"|\\text\s*\{\s*\(?base\s*(?P<spelt>\d\d?|[a-z]+)\)?\s*\}|\(?base\s*(?P<plain>\d\d?|[a-z]+)\)?"
    r"|\\text\s*\{\s*base\s*\}\s*(?P<after>\d\d?))"
)
_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")
_CHOICE = re.compile(
    r"\s*(?:\\(?:text|textbf|mathrm|mathbf|textit|bf)\s*\{\s*)?(?:(?:[Oo]ption|[Cc]hoice)\s+)?"
    r"(?:\(\s*([A-Ja-j])\s*\)|([A-J])\s*[).:](?!\S*=)|(?<=\{)\s*([A-J])(?=\s*\})|(?<=[en]\s)([A-J])(?=\s*\}?\s*$))"
    r"\s*\}?\s*[.:]?\s*"
)
_SMALL_CHOICE = re.compile(r"\\text(?:bf|it)?\s*\{\s*([a-dfgh])\s*\}")
# Behind a letter: part of a formula; or another member, so that the letter is no label.
_FORMULA_TAIL = re.compile(r"[+*/^_=<>!%]|-\s*\w|\\(?:cdot|times|cap|cup|leq?|geq?|in|%)(?![a-zA-Z])")
_LIST_TAIL = re.compile(r"\s*(?:[,;]|\\?&|(?:\\(?:text|mbox)\s*\{\s*)?(?:,\s*)?(?:and|or)\b)")
_QUESTION = re.compile(r"\s*\?*\s*$|\s*(?:nan|NaN|null|\\text\s*\{\s*(?:nan|NaN|null)\s*\})\s*$")
_STYLE = re.compile(
    r"\\(?:(?:text)?color\s*\{[^{}]*\}|(?:display|text|script)style|[Ll]arge|LARGE|huge|Huge|normalsize|small|bf|rm|it"
    r"|boldmath|quad|qquad|hspace\*?\s*\{[^{}]*\}|[,;:!> ])(?![a-zA-Z])\s*"
)
_STYLE_GROUP = re.compile(
    r"\\(?:boldsymbol|math(?:bf|rm|it|sf|tt|cal)|bm|pmb|underline|emph|mbox|text(?:bf|it|rm|sf|normal)?)\s*\{"
)
_PUNCTUATION = " .,;:~\n\t\r"
_SPACING = (
    "\\checkmark",
    "\\blacksquare",
    "\\square",
    "\\Box",
    "\\qed",
    "\\\\",
    "\\,",
    "\\;",
    "\\!",
    "\\:",
    "\\quad",
    "\\qquad",
    "\\newline",
    "\\ ",
)


def _without_tail(text: str) -> str:
    """Without trailing punctuation and spacing commands; one pass from the end."""
    while True:
        before = text
        text = text.rstrip(_PUNCTUATION)
        if text.endswith("\\") and not text.endswith("\\\\"):
            text = text[:-1]
        if text.endswith(_SPACING):
            for command in _SPACING:
                text = text.removesuffix(command)
        if text == before or not text:
            return text


def unwrap(text: str) -> str:
    r"""Without delimiters, boxes, outer braces, markdown and trailing punctuation.

    >>> unwrap(r"$\boxed{\frac12}$.")
    '\\frac12'
    """
    for _ in range(12):
        before = text
        text = text.strip(" \n\t\r~")
        if text[-1:] in _PUNCTUATION or "\\" in text[-14:]:
            text = _without_tail(text) or text[:1]
        if text[:1] == "\\":
            style = _STYLE.match(text)
            if style and style.end() < len(text):
                text = text[style.end() :]
        for opening, closing in _WRAPPERS_BY_START.get(text[:1], ()):
            if text.startswith(opening) and text.endswith(closing) and len(text) >= len(opening) + len(closing):
                inner = text[len(opening) : -len(closing)]
                bare = inner.replace("\\$", "")
                if opening not in bare and closing not in bare:
                    text = inner.strip()
        if text[:1] == "\\":
            box = _BOX.match(text)
            text = text[box.end() : -1] if box and _closes_at_end(text, box.end()) else _without_style_group(text)
        elif text[:1] == "{" and _closes_at_end(text, 1) and not _INFIX.search(text):
            text = text[1:-1]
        if text == before:
            break
    return text


def _without_style_group(text: str) -> str:
    r"""The inside of `\mathbf{...}` and the like around everything; words stay in their `\text`."""
    group = _STYLE_GROUP.match(text)
    if group is None or not _closes_at_end(text, group.end()):
        return text
    inner = text[group.end() : -1]
    wordy = text.startswith(("\\text", "\\mbox", "\\mathrm", "\\emph"))
    return text if wordy and not ("$" in inner or "\\" in inner) else inner


_BRACE = re.compile(r"\\.|[{}]", re.S)


def _closes_at_end(text: str, start: int) -> bool:
    """True where the brace opened before `start` closes at the last character."""
    depth = 1
    for found in _BRACE.finditer(text, start):
        if found.group() == "{":
            depth += 1
        elif found.group() == "}":
            depth -= 1
            if depth == 0:
                return found.end() == len(text)
    return False


_SIMPLE_FRACTION = re.compile(r"(-?)(?:\\[dt]?frac\{(\d+)\}\{(\d+)\}|(\d+)/(\d+))", re.ASCII)


def parse(text: str, limits: Limits, policy: Policy = DEFAULT_CONFIG.policy) -> Node:
    """The node of an answer's or a gold's text. Raises ParseError, LimitError or UndefinedError."""
    if policy.decimal_comma and "," in text:
        text = _DECIMAL_COMMA.sub(".", text)
    node = _parsed(text, limits)
    return _as_variables(node) if policy.constants_as_variables else node


_DECIMAL_COMMA = re.compile(r"(?<=\d)(?:,|\{,\})(?=\d)")


def _as_variables(node: Node) -> Node:
    """The tree with `i` and `e` as symbols."""
    if isinstance(node, Const) and node.name in ("i", "e"):
        return Name(node.name)
    return rebuilt(node, _as_variables)


def _parsed(text: str, limits: Limits) -> Node:
    if len(text) > limits.answer_chars:
        raise LimitError(f"{len(text)} characters; the limit is {limits.answer_chars}")
    digits = text[1:] if text[:1] in ("-", "+") else text
    if digits.isdigit() and text.isascii() and len(text) <= limits.digits:
        return Num(-int(digits), None, "") if text[0] == "-" else Num(int(digits), None, digits)
    if len(text) < 40:
        fraction = _SIMPLE_FRACTION.fullmatch(text)
        if fraction:
            sign, above, below = (
                fraction.group(1),
                fraction.group(2) or fraction.group(4),
                fraction.group(3) or fraction.group(5),
            )
            return Div(Num(-int(above) if sign else int(above), None, above), Num(int(below), None, below))
    node = plain(text, limits)
    return _by_grammar(text, limits) if node is None else node


def _by_grammar(text: str, limits: Limits) -> Node:
    """The node of any text but the simple numerals of `_parsed`."""
    text = unwrap(normalise(text))
    if len(text) < 40 and (scientific := _scientific(text)) is not None:
        return scientific
    if "$" in text and ("\\$" not in text or _DOLLAR.search(text)):
        text = _inner_dollars(text)
    if "\\(" in text and "\\)" in text:
        text = _DELIMITERS.sub(" ", text)  # `\\(3\\), \\(4\\)`
    if _QUESTION.match(text):
        raise UndefinedError("no value")
    based = _BASED.fullmatch(text)
    if based:
        base = _base(based["base"] or based["spelt"] or based["plain"] or based["after"])
        if len(based[1]) > limits.digits:
            raise LimitError(f"a numeral of {len(based[1])} digits; the limit is {limits.digits}")
        if 2 <= base <= 36 and all(int(d, 36) < base for d in based[1]):
            return Based(based[1].lstrip("0").upper() or "0", base)
    if " and " in text and spelled_number(words := canonical_words(_plain_words(text))) is not None:
        return Text(words)
    small = _SMALL_CHOICE.fullmatch(text)
    if small:
        return Choice(small[1].upper())
    choice = _CHOICE.match(text)
    if choice:
        return _choice(choice, text, limits)
    return _statement(text, limits)


_DELIMITERS = re.compile(r"(?<!\\)\\[()]")
_DOLLAR = re.compile(r"(?<!\\)\$")
_SCIENTIFIC = re.compile(r"[-+]?(\d+(?:\.\d+)?)[eE]([-+]?\d{1,5})", re.ASCII)


def _scientific(text: str) -> Node | None:
    """`1e-3` with nothing beside it, which is no 1*e - 3."""
    found = _SCIENTIFIC.fullmatch(text)
    if found is None:
        return None
    power = Pow(Num(10), Num(int(found[2])))
    return Mul((numeral(found[1]) if text[0] != "-" else negate(numeral(found[1])), power))


def _base(word: str) -> int:
    """A base by its numeral or its name; 0 for anything else."""
    return int(word) if word.isdigit() else _BASE_WORDS.get(word, 0)


def _statement(text: str, limits: Limits) -> Node:
    tokens = tokenize(text, limits)
    try:
        return StatementParser(tokens, limits).answer()
    except ParseError as failure:
        return _fallback(text, failure)


def _inner_dollars(text: str) -> str:
    """Dollar signs inside: delimiters where they pair up around mathematics, else currency or noise."""
    if text[0] == "$" and text.count("$") == 1:
        return text
    return _DOLLAR.sub(" ", text)


def _choice(found: re.Match[str], text: str, limits: Limits) -> Node:
    """A letter and what stands beside it; a list or a formula that begins with a letter is none."""
    letter = next(filter(None, found.groups())).upper()
    rest = text[found.end() :]
    if not rest:
        return Choice(letter)
    if _FORMULA_TAIL.match(rest) or _LIST_TAIL.match(rest):
        return _statement(text, limits)
    if _CHOICE.search(rest):
        raise ParseError("several choices that nothing joins", found.end())
    try:
        content: Node | None = StatementParser(tokenize(unwrap(rest), limits), limits).answer()
    except ParseError:
        words = canonical_words(_plain_words(rest))
        content = Text(words) if words else None
    if isinstance(content, Name) and len(content.name) == 1 and content.name.isupper():
        raise ParseError("two choices", found.end())
    return Choice(letter, content)


_COMMAND_TEXT = re.compile(r"\\(?:text|textbf|textit|mathrm|mbox|textrm|operatorname|emph|mathbf|bf|it|rm)\b\s*")


def _plain_words(text: str) -> str:
    return _COMMAND_TEXT.sub(" ", text).replace("{", " ").replace("}", " ")


def _fallback(text: str, failure: ParseError) -> Node:
    """Prose that the grammar does not read is Text, where it has a word; formulae are errors."""
    plain = _plain_words(text)
    if plain.lstrip().startswith("-"):
        raise failure
    if "\\" in plain or not re.search(r"[A-Za-z\u0370-\U0010ffff]{2,}", plain):
        if text.strip() in _SYMBOLS or re.fullmatch(r"\s*\\[a-zA-Z]+\s*", text) or len(text.strip()) == 1:
            return Text(text.strip())
        raise failure
    runs = re.findall(r"[A-Za-z]+", plain)
    wordy = sum(len(r) for r in runs if is_word(r) or len(r) < 3)
    if (
        re.search(r"[\u0370-\U0010ffff]{2,}", plain)
        or any(is_word(r) for r in runs)
        and wordy * 2 >= len(plain) - plain.count(" ")
    ):
        return Text(canonical_words(plain))
    raise failure


_SYMBOLS = frozenset("+ - * / = < > <= >= != | ^ & # @ !".split())
