"""Units, currencies and labels beside a value, and degree signs after it."""

from __future__ import annotations

from ..nodes import Add, Degree, Div, Mul, Node, Num, Unit, product
from ..syntax import Token
from ..units import BARE_UNITS, NEVER_UNITS, SCALES, UNITS, canonical_unit, unit_name
from ..words import is_word
from .numerals import numeral
from .scripts import ScriptRules, script_text
from .tables import FRACTIONS, FUNCTIONS

# Units that are functions or words elsewhere; bare, they are units only behind a number with nothing after them.
_SHORT_UNITS = frozenset({"min", "sec", "deg", "in", "rad"})


def _bare_unit(word: str) -> bool:
    if len(word) == 1:
        return False
    if len(word) == 2 and word not in BARE_UNITS:
        return False  # `at^2`, `by`
    return word in BARE_UNITS or word.lower() in BARE_UNITS and len(word) > 2 or is_word(word) and word not in FUNCTIONS


def _names_unit(words: list[str]) -> bool:
    """Whether words say what is counted: no function, no operation, no single letter but a unit's."""
    first = words[0].strip(" .")
    if len(words) == 1 and (first in FUNCTIONS or len(first) == 1):
        return canonical_unit(first) is not None
    said = {word.lower() for text in words for word in text.replace("-", " ").split()}
    return NEVER_UNITS.isdisjoint(said if len(said) == 1 else said - {"squared", "cubed"})


class QuantityRules(ScriptRules):
    """What a value is a value of."""

    def unit(self) -> Unit | None:
        """Words beside a value: `cm`, `square units`, `km/h`, `apples`; None where they are symbols."""
        words: list[str] = []
        start = self.at
        while True:
            token = self.tokens[self.at]
            fraction = self._unit_fraction(token)
            if fraction is not None:
                words.append(fraction)
                continue
            if token.kind == "text" or token.kind == "word" and _bare_unit(token.value):
                words.append(token.value)
                self.at += 1
                if self.peek("^") and self.tokens[self.at + 1].value not in ("circ",):
                    self.at += 1
                    words.append("^" + script_text(self.script()))
            elif words and token.value == "/" and self.tokens[self.at + 1].kind in ("text", "word"):
                follower = self.tokens[self.at + 1]
                if follower.kind == "word" and canonical_unit(follower.value) is None:
                    break
                words += ["/", follower.value]
                self.at += 2
            elif (
                token.kind == "word"
                and words
                and len(token.value) == 1
                and canonical_unit(token.value)
                and words[-1] in ("/", "per")
                or token.value == "per"
                and token.kind == "word"
            ):
                words.append(token.value)
                self.at += 1
            elif (
                words
                and token.kind == "op"
                and token.value == "."
                and self.tokens[self.at + 1].kind in ("text", "word", "end")
            ):
                self.at += 1
            else:
                break
        if not words:
            token, after = self.tokens[start], self.tokens[min(start + 1, len(self.tokens) - 1)]
            short = token.kind == "word" and token.value in _SHORT_UNITS
            if not short or after.kind not in ("end", "num") and after.value not in (",", ")", "}"):
                return None
            words.append(token.value)  # `5 min`, `30 deg`: no argument follows
            self.at += 1
        elif not _names_unit(words):
            self.at = start
            return None
        return Unit(unit_name(" ".join(words)))

    def _accept_degree(self, *, letter: bool) -> bool:
        r"""`\\circ` in a superscript; `30^o` too, where the base is a numeral."""
        at = self.at
        braced = self.accept("{")
        found = self.accept("circ", "cmd") or self.accept("degree", "cmd")
        found = found or letter and (self.accept("o", "word") or self.accept("o", "text"))
        if found and (not braced or self.accept("}")):
            return True
        self.at = at
        return False

    def _degrees(self, base: Node) -> Node:
        """`30^\\circ`, `60^\\circ 30' 15''`, `20^\\circ C`."""
        token = self.tokens[self.at]
        if token.kind in ("word", "text") and token.value.strip() in ("C", "F", "K"):
            self.at += 1
            return Mul((base, Unit("°" + token.value.strip())))
        node = base
        for marks, scale in ((1, 60), (2, 3600)):
            ahead = self.tokens[self.at : self.at + 1 + marks]
            if len(ahead) == 1 + marks and ahead[0].kind == "num" and all(t.value in ("'", "prime") for t in ahead[1:]):
                node = Add((node, Div(numeral(ahead[0].value), Num(scale))))
                self.at += 1 + marks
        return Degree(node)

    def _money(self, name: str) -> Node:
        sign = {"pounds": "£", "euro": "€", "yen": "¥", "texteuro": "€"}.get(name, "$")
        return self.money(sign)

    def money(self, sign: str) -> Node:
        """`$5`, `$2.5 \\text{ million}`: the sign has been read."""
        value = self.power()
        scale = self.scale() if isinstance(value, Num) else None
        return Mul((value, Unit(sign)) if scale is None else (value, scale, Unit(sign)))

    def _unit_fraction(self, token: Token) -> str | None:
        r"""`\\frac{\\text{m}}{\\text{s}^2}` as `m/s^2`."""
        if token.kind != "cmd" or token.value not in FRACTIONS:
            return None
        ahead = self.tokens[self.at + 1 : self.at + 11]
        values = [t.value for t in ahead]
        if len(ahead) < 6 or (values[0], values[2], values[3]) != ("{", "}", "{") or ahead[1].kind != "text":
            return None
        if ahead[4].kind == "text" and values[5] == "}":
            self.at += 7
            return f"{values[1]}/{values[4]}"
        if len(ahead) > 7 and values[5] == "^" and ahead[6].kind == "num" and values[7] == "}":
            self.at += 9
            return f"{values[1]}/{values[4]}^{values[6]}"
        return None

    def scale(self) -> Num | None:
        """`million` and its like, directly behind a number; what follows the word stays."""
        token = self.tokens[self.at]
        word, _, rest = token.value.strip().partition(" ")
        found = SCALES.get(word.lower().removesuffix("s"))
        if found is None or token.kind not in ("text", "word"):
            return None
        if rest.strip():
            self.tokens[self.at] = Token("text", rest.strip(), token.pos, True)
        else:
            self.at += 1
        return Num(found)

    def compound(self, factors: list[Node]) -> Node:
        """`5 feet 3 inches`: a number behind a known unit begins another term of a sum."""
        last = factors[-1]
        if not isinstance(last, Unit) or last.name not in UNITS.values():
            raise self.error("expected an operator")
        return Add((product(factors), self.term()))
