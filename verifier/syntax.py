r"""Text to tokens: LaTeX, Unicode, plain text and SymPy-like spellings.

Promises: linear time; every rewrite of characters is a row in one of the tables below; a token
knows where it began and whether a space stood before it. It does not know what a token means
beyond its kind: the grammar is `parse`'s.
"""

from __future__ import annotations

import html
import re
import unicodedata

from ._record import record
from .config import Limits
from .grammar.tables import KNOWN_COMMANDS


class ParseError(Exception):
    """The text is not in the grammar. Never leaves the package: it becomes `unparseable`."""

    def __init__(self, message: str, position: int = 0) -> None:
        super().__init__(message)
        self.position = position


class LimitError(Exception):
    """A work limit was passed; becomes `over_limit`. Carries the limit's name."""


class UndefinedError(Exception):
    """The text is readable but has no value (0/0, `?`, nan)."""


@record
class Token:
    """kind: num, word, cmd, text, op or end; value: the numeral, letters, command name or sign."""

    kind: str
    value: str
    pos: int
    space: bool


_SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿⁱˣ"
_SUPER_PLAIN = "0123456789+-()nix"
_SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉₊₋₍₎ₐₑₙₓₖₘ"
_SUB_PLAIN = "0123456789+-()aenxkm"

# One row a character: what it means. (Superscripts and subscripts are runs, below.)
_CHARACTERS = {
    "−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "﹣": "-", "－": "-", "⁃": "-",
    "×": r"\times ", "⋅": r"\cdot ", "·": r"\cdot ", "∙": r"\cdot ", "•": r"\cdot ", "∗": "*",
    "÷": r"\div ", "∕": "/", "⁄": "/",
    "≤": r"\le ", "≥": r"\ge ", "⩽": r"\le ", "⩾": r"\ge ", "≠": r"\ne ", "≈": r"\approx ", "≡": r"\equiv ",
    "≦": r"\le ", "≧": r"\ge ",
    "∞": r"\infty ", "√": r"\surd ", "∛": r"\surd[3]", "∜": r"\surd[4]",
    "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ", "∉": r"\notin ", "∅": r"\emptyset ", "⌀": r"\emptyset ",
    "∖": r"\setminus ", "⊂": r"\subset ", "⊆": r"\subseteq ", "∨": r"\vee ", "∧": r"\wedge ",
    "±": r"\pm ", "∓": r"\mp ", "°": r"^\circ ", "∘": r"^\circ ", "º": r"^\circ ", "˚": r"^\circ ",
    "′": "'", "’": "'", "‘": "'", "″": "''", "“": '"', "”": '"', "`": "'",
    "…": r"\ldots ", "⋯": r"\cdots ", "∑": r"\sum ", "∏": r"\prod ", "∫": r"\int ", "∠": r"\angle ",
    "△": r"\triangle ", "→": r"\to ", "←": r"\leftarrow ", "⇒": r"\implies ", "∣": "|", "∥": r"\parallel ",
    "⟨": r"\langle ", "⟩": r"\rangle ", "〈": r"\langle ", "〉": r"\rangle ",
    "∴": r"\therefore ", "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil ", "⌉": r"\rceil ",
    "ℝ": r"\mathbb{R}", "ℤ": r"\mathbb{Z}", "ℕ": r"\mathbb{N}", "ℚ": r"\mathbb{Q}", "ℂ": r"\mathbb{C}",
    "，": ",", "。": ".", "；": ";", "：": ":", "、": ",", "（": "(", "）": ")", "【": "[", "】": "]",
    "［": "[", "］": "]", "｛": "{", "｝": "}", "＝": "=", "＋": "+", "＜": "<", "＞": ">", "％": "%",
    "／": "/", "｜": "|", "！": "!", "＊": "*", "＾": "^", "∶": ":", "﹪": "%", "？": "?", "＄": "$", "＿": "_",
    "元": r"\text{ yuan}",
    "\u00a0": " ", "\u2009": r"\,", "\u202f": r"\,", "\u2002": " ", "\u2003": " ", "\u2005": " ",
    "\u2006": " ", "\u2007": " ", "\u2008": " ", "\u200a": " ", "\u3000": " ", "\u2061": "", "\u2062": "*",
    # invisible characters carry no meaning; deleting them also joins what they split for show
    "\u200b": "", "\u200c": "", "\u200d": "", "\u200e": "", "\u200f": "", "\u2060": "", "\ufeff": "",
    "\u00ad": "", "\ufe0f": "",
}  # fmt: skip
_GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon "
    "phi chi psi omega"
)
for _offset, _name in enumerate(
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho varsigma sigma "
    "tau upsilon phi chi psi omega".split()
):
    _CHARACTERS[chr(0x3B1 + _offset)] = f"\\{_name} "
    if _name != "varsigma":
        _CHARACTERS[chr(0x391 + _offset)] = f"\\{_name.capitalize()} "
_CHARACTERS.update({"ϕ": r"\phi ", "ϵ": r"\epsilon ", "ϑ": r"\theta ", "µ": r"\mu "})
for _digit in range(10):
    _CHARACTERS[chr(0xFF10 + _digit)] = str(_digit)
for _letter in range(26):
    _CHARACTERS[chr(0xFF21 + _letter)] = chr(65 + _letter)
    _CHARACTERS[chr(0xFF41 + _letter)] = chr(97 + _letter)
for _char, _fraction in zip(
    "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞⅐⅑⅒", "12 13 23 14 34 15 25 35 45 16 56 18 38 58 78 17 19 1{10}".split(), strict=True
):
    _CHARACTERS[_char] = f"\\frac {_fraction[0]}{_fraction[1:]} "
TRANSLATION = str.maketrans(_CHARACTERS)
_SCRIPT_RUNS = (
    (re.compile(f"[{_SUPERSCRIPTS}]+"), str.maketrans(_SUPERSCRIPTS, _SUPER_PLAIN), "^"),
    (re.compile(f"[{_SUBSCRIPTS}]+"), str.maketrans(_SUBSCRIPTS, _SUB_PLAIN), "_"),
)

# JSON and Python string escapes eat a backslash and the letter after it.
_DAMAGED = (
    (re.compile("\x0c(?=[a-zA-Z])"), r"\\f"),
    (re.compile("\x08(?=[a-zA-Z])"), r"\\b"),
    (re.compile("\x07(?=[a-zA-Z])"), r"\\a"),
    (re.compile("\x0b(?=[a-zA-Z])"), r"\\v"),
    (re.compile(r"\t(?=(?:ext|imes|heta|frac|an\b|au\b|o\b|riangle))"), r"\\t"),
    (re.compile(r"\r(?=(?:ight|angle|floor|ceil|ho\b))"), r"\\r"),
    (re.compile(r"\n(?=(?:eq\b|otin|abla))"), r"\\n"),
)
# `2\sqrt2 (approximately 2.83)`, `2\sqrt2 \text{ or about } 2.83`: the decimal behind an \approx
_ABOUT = r"(?:or |is |i\.e\.,? )?(?:approximately|approx\.?|about|roughly)"
_TOLD_ABOUT = re.compile(r"[ ,~]{0,3}\\text\s?\{[ ,(~]{0,3}" + _ABOUT + r"[ ~]{0,3}(-?\d[\d.,]*)[ ~)]{0,3}\}(?=\W*$)")
_SAID_ABOUT = re.compile(
    r"(?<=[^\s({])[ ,~]{0,3}\(?[ ~]{0,3}(?:\\text\s?\{[ ,(~]{0,3}" + _ABOUT + r"[ ~]{0,3}\}|" + _ABOUT
    + r"|\((?=[ ~]{0,3}\\approx))[ ~]{0,3}(?:\\approx)?[ ~$]{0,3}(-?\d[\d.,]*\d|\d)[ ~$]{0,3}\)?(?=\W*$)"
)  # fmt: skip
# Plain-text habits: the pattern, what it means, and a piece without which it is not tried. A pattern begins with the
# character that it is about, which is searched for faster than what must not stand before it.
_PLAIN_SPELLINGS = (
    (re.compile(r"\.\.\.+"), r"\\ldots ", "..."),
    (re.compile(r"(\d) ?[xX] ?10 ?(?=\^|\*\*)"), r"\1\\times 10", "10"),
    (re.compile(r"\{(?<![a-zA-Z]\{)([-+])\}"), r"\1", "{"),
    (re.compile(r"\{(?<![a-z}\]]\{)\s*\}(?!\s*[_^]\s*\{?\w)"), "", "{"),
    (re.compile(r"\^\s*(?:\{\s*)?\\prime(?![a-zA-Z])\s*\}?"), "'", "prime"),
    (re.compile(r"\\\\\[ ?-?\d*\.?\d+ ?(?:ex|em|pt|mm|cm|in|pc|bp)\]"), r"\\\\ ", "\\\\["),
    (re.compile(r"\\left\s*\\\{\s*(?=\\begin)"), "", "\\begin"),
    (re.compile(r"(\d) to (?=\d)"), r"\1:", " to "),
    (re.compile(r"^\s*(\d{1,4})\s?h\s?(\d{1,2})\s?m(?:in)?\.?\s*$"), r"\1\\text{ h }\2\\text{ min}", "h"),
    (re.compile(r"<sup>([^<>]{1,40})</sup>"), r"^{\1}", "<sup>"),
    (re.compile(r"<sub>([^<>]{1,40})</sub>"), r"_{\1}", "<sub>"),
    (re.compile(r"\^(?<![a-zA-Z)}\]]\^)\{?(\d{1,9})\}?\s?/\s?_\{?(\d{1,9})\}?"), r"\\frac{\1}{\2}", "_"),  # `³⁄₅`
    (_TOLD_ABOUT, r" \\approx \1", "pprox"),
    (_TOLD_ABOUT, r" \\approx \1", "about"),
    (_TOLD_ABOUT, r" \\approx \1", "roughly"),
    (_SAID_ABOUT, r" \\approx \1", "pprox"),
    (_SAID_ABOUT, r" \\approx \1", "about"),
    # `]a,b[` as it is written in French
    (re.compile(r"(^|\\cup|\\in|=)(\s*)(?:\\left\s*)?\](?=[^\[\](),;]+[,;][^\[\](),;]+[\[\]])"), r"\1\2(", "]"),
    (re.compile(r"([\[(][^\[\](),;]+[,;][^\[\](),;]+?)(?:\\right\s*)?\[(?=\s*(?:$|\\cup))"), r"\1)", "["),
)
_MATHEMATICAL_LETTERS = re.compile("[\U0001d400-\U0001d7ff]+")
_HTML = re.compile(r"&(?:lt|gt|le|ge|ne|amp|minus|times|nbsp|pi|radic|infin|quot|#\d{1,6});")
_DOUBLED = re.compile(r"\\\\(?=[a-zA-Z()\[\]{}%$!,;])")


def normalise(text: str) -> str:
    r"""One spelling of characters: ASCII where a command or sign says the same.

    >>> normalise("√2 ≤ x² ＋ ½")
    '\\surd 2 \\le  x^{2} + \\frac 12 '
    """
    if not text.isascii():
        for pattern, plain, mark in _SCRIPT_RUNS:
            if pattern.search(text):
                text = pattern.sub(lambda m: f"{mark}{{{m.group().translate(plain)}}}", text)  # noqa: B023
        text = _MATHEMATICAL_LETTERS.sub(lambda m: unicodedata.normalize("NFKC", m.group()), text)
        text = text.translate(TRANSLATION)
    if "&" in text and ";" in text:
        text = _HTML.sub(lambda m: html.unescape(m.group()).translate(TRANSLATION), text)
    if not text.isprintable():
        for pattern, repair in _DAMAGED:
            text = pattern.sub(repair, text)
    for pattern, meaning, hint in _PLAIN_SPELLINGS:
        if hint in text:
            text = pattern.sub(meaning, text)
    if "\\\\" in text and "\\begin" not in text.replace("\\\\begin", ""):
        text = _DOUBLED.sub(r"\\", text)
    return text


_TOKEN = re.compile(
    r"""
    (?P<num>
        \d+ (?! [\d.,~] | \ ?\{ | \ \d | \\[,;:!\ ] )  # nothing behind it can belong to it
      | (?: [1-9]\d{0,2} (?: (?:\ ?\{\ ?,\ ?\}|,\s*\\!\s*|\\,|\\[ ;:]|~|\\!) \d{3} )+ (?!\d)
          | (?<!\d,) [1-9]\d{0,2} (?: ,\d{3} )+ (?! \d | ,\d )
          | [1-9]\d{0,2} (?: \ \d{3} )+ (?! \d | \s*(?:/|\\d?t?frac))
          | \d+ )
        (?: \.\d+ | \.(?![\d.]) )?
      | \.\d+
    )
  | (?P<text> \\(?:text(?:rm|it|bf|sc|sf|tt|normal)?|math(?:rm|it|sf)|[mh]box|operatorname|emph)\*?
        \s*\{ (?P<body> (?: [^{}$\\] | \\[%$&\#_ ,;!] )* ) \} )
  | (?P<cmd> \\ (?: [a-zA-Z]+ | . | $ ) )
  | (?P<word> [aApP]\.\s?[mM]\b\.? | [A-Za-z]+ )
  | (?P<op> [^-+*<>=!:&|] | <=> | \*\* | <= | >= | != | == | =< | => | := | -> | \+- | \+/- | && | \|\| | . )
    """,
    re.X | re.S,
)

# Commands that only change how things look.
_SKIPPED = frozenset(
    r"left right big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr middle displaystyle "
    r"textstyle scriptstyle limits nolimits quad qquad hfill strut mathstrut nobreak noindent ! , ; : > / "
    r"thinspace medspace thickspace negthinspace enspace nonumber hline bf rm it sf cal boldmath mathop "
    r"mathbin mathrel mathord mathopen mathclose normalsize large Large small ensuremath relax protect".split()
)
_SPACES = frozenset({" ", "\n", "\t", "\r"})
_WIDE = frozenset({",", ";", ":", ">", "quad", "qquad", "hfill", "thinspace", "medspace", "thickspace", "enspace"})

_AFTER_A_WORD = ("", " ", "\n", "\t", "~", ",", ":", "\\", "$")  # what may follow `if` and `for`, unlike `if+5`
_LONGEST_WORD = 200
_LOGIC = {"&": "and", "and": "and", "or": "or", "wedge": "and", "land": "and", "vee": "or", "lor": "or"}
_QUALIFIER = re.compile(
    r"(?:for|where|when|with|if|such that|as|since|because|i\.e\.|in which|is (?:the|our) (?:final |correct )?answer)\b"
    r"|forall\b",
    re.I,
)
# a \text{...} that holds mathematics rather than words
_MATHEMATICAL = re.compile(r"^\W*\d|[=+()<>:|\[\]%$\\^,]|^[.\s]*$|\w (?:and|or) \w")
# `there are 6 solutions`: words that lead in a value; `(solutions)`: words in brackets
_LEAD_IN = re.compile(r"([A-Za-z][A-Za-z ,']{0,80}\b(?:is|are|equals?|be))[: ]+(-?[\d$\\].*)", re.S)
_SO = re.compile(r"^(?:so|thus|hence|therefore|then|finally)\b[,: ]*", re.I)
_REMARK = re.compile(r"\((?!mod\b|base\b)([A-Za-z][A-Za-z .'-]{2,60})\)")
_UNIT_TEXT = re.compile(r"[A-Za-zµ°]+(?:\ ?[A-Za-z]+)?[ .]?(?:/ ?[A-Za-z]+|\^?-?\d)*$")


def tokenize(text: str, limits: Limits) -> list[Token]:
    """Tokens of normalised text, closed by one of kind `end`. Raises LimitError."""
    tokens: list[Token] = []
    _scan(text, limits, tokens)
    tokens.append(Token("end", "", len(text), False))
    return tokens


def _known_head(command: str) -> str:
    """The longest known command that an unknown one begins with, or nothing."""
    for size in range(len(command) - 1, 1, -1):
        if command[:size] in KNOWN_COMMANDS or command[:size] in _SKIPPED:
            return command[:size]
    return ""


def _scan(text: str, limits: Limits, tokens: list[Token]) -> None:
    space = False
    position, length = 0, len(text)
    match = _TOKEN.match
    while position < length:
        if text[position] in " \n\t\r~":
            space = True
            position += 1
            continue
        found = match(text, position)
        assert found is not None  # the table ends in "any character"
        kind = found.lastgroup or "op"
        value = found.group()
        start, position = position, found.end()
        if kind == "cmd":
            value = value[1:]
            if value in _SKIPPED or value in _SPACES:
                space = space or value in _SPACES or value in _WIDE
                if value in ("left", "right") and text.startswith(".", position):
                    position += 1  # a delimiter that prints nothing
                continue
            if value in _LOGIC:
                kind, value = "logic", _LOGIC[value]
            elif value == "forall":
                kind = "qualifier"
            elif value == "cr":
                value = "\\"
            elif value == "colon":
                kind, value = "op", ":"
            elif value not in KNOWN_COMMANDS and value.isalpha():
                head = _known_head(value)
                if head:  # "\ley" is "\le y"
                    value, position = head, start + 1 + len(head)
                    if value in _SKIPPED:
                        space = True
                        continue
        elif kind == "text":
            body = _SO.sub("", found.group("body").replace("~", " ").strip())
            if _LOGIC.get(body.lower().strip(" ,.;")):
                kind, value = "logic", _LOGIC[body.lower().strip(" ,.;")]
            elif body.lower() == "mod":
                kind, value = "cmd", "bmod"
            elif body in (",", ";", "-", "+"):
                kind, value = "op", body
            elif body.lower() == "to":
                kind, value = "op", ":"
            elif _QUALIFIER.match(body):
                kind, value = "qualifier", body
            elif not body.strip(" ."):
                space = True
                continue
            elif found_lead := _LEAD_IN.match(body):
                tokens.append(Token("text", found_lead[1], start, space))
                _scan(found_lead[2], limits, tokens)
                continue
            elif remark := _REMARK.fullmatch(body):
                value = remark[1]
            elif _MATHEMATICAL.search(body) and not _UNIT_TEXT.match(body.rstrip(" .")):
                _scan(body, limits, tokens)
                continue
            else:
                value = body
        elif kind == "word":
            if len(value) > _LONGEST_WORD:
                raise LimitError(f"a word of {len(value)} letters; the limit is {_LONGEST_WORD}")
            if value[1:2] == ".":
                value = value[0] + "m"
            elif value in ("and", "or"):
                kind = "logic"
            elif len(value) > 1 and _QUALIFIER.match(text, start) and text[position : position + 1] in _AFTER_A_WORD:
                kind = "qualifier"
        elif kind == "num" and len(value) > limits.digits:
            raise LimitError(f"a numeral of {len(value)} characters; the limit is {limits.digits} digits")
        tokens.append(Token(kind, value, start, space))
        if len(tokens) > limits.tokens:
            raise LimitError(f"more than {limits.tokens} tokens")
        space = False
