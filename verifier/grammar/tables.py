"""Tables of the grammar: which commands and words mean what.

Promises: one row a spelling; the rules read these tables and hold no spelling of their own.
"""

from __future__ import annotations

# Spelling of a function -> our name.
FUNCTIONS = {
    **{f: f for f in "sin cos tan cot sec csc sinh cosh tanh coth ln log lg exp".split()},
    **{f: f for f in "gcd lcm max min det floor ceil abs".split()},
    **{f"arc{f}": f"arc{f}" for f in "sin cos tan cot sec csc sinh cosh tanh".split()},
    **{f"a{f}": f"arc{f}" for f in "sin cos tan cot sec csc sinh cosh tanh".split()},
    "arg": "arg", "Arg": "arg", "Re": "re", "Im": "im", "re": "re", "im": "im", "sgn": "sign", "sign": "sign",
    "Abs": "abs", "sqrt": "sqrt", "cbrt": "cbrt", "cis": "cis", "ceiling": "ceil", "factorial": "factorial",
    "binomial": "binom", "binom": "binom", "comb": "binom", "tg": "tan", "ctg": "cot", "cosec": "csc",
    "arctg": "arctan", "conjugate": "conj", "Max": "max", "Min": "min", "Mod": "mod", "mod": "mod", "nCr": "binom",
    "root": "root", "logbase": "log", "trace": "tr", "tr": "tr", "deg": "deg", "dim": "dim", "Pr": "Pr", "erf": "erf",
}  # fmt: skip
# How many arguments a function takes, where it is not one.
ARITIES = {
    "max": (1, 400), "min": (1, 400), "gcd": (2, 400), "lcm": (2, 400), "log": (1, 2), "root": (1, 2), "binom": (2, 2),
    "mod": (2, 2), "Pr": (1, 400), "dim": (1, 1),
}  # fmt: skip
# Functions that are recognised without brackets after them.
SPELT = frozenset(f for f in FUNCTIONS if f not in ("deg", "dim", "re", "im", "mod"))
INVERSE = {f: f"arc{f}" for f in "sin cos tan cot sec csc sinh cosh tanh".split()}
CONSTANTS = {"pi": "pi", "infty": "oo", "infin": "oo", "oo": "oo", "inf": "oo", "Infinity": "oo", "infinity": "oo"}
LETTERS = frozenset(
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho "
    "varrho sigma varsigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma "
    "Upsilon Phi Psi Omega ell hbar top ldots dots cdots vdots square Box aleph imath jmath dotsc".split()
)
ALIASES = {"varepsilon": "epsilon", "vartheta": "theta", "varphi": "phi", "varrho": "rho", "varsigma": "sigma",
            "dots": "ldots", "cdots": "ldots", "dotsc": "ldots", "Box": "square"}  # fmt: skip
# Letters that plain text spells out.
GREEK = frozenset("alpha beta gamma delta epsilon theta lambda sigma omega".split())
# Commands whose argument means what it means without them.
TRANSPARENT = frozenset(
    "mathbb mathcal mathfrak mathscr boxed fbox underline text textbf mathrm operatorname textrm mbox "
    "boldsymbol mathit textit mathsf hbox emph bm pmb textnormal overset smash vphantom cancel textsc "
    "texttt textsf Large large".split()
)
# Commands that make a name of their own out of their argument.
DECORATED = {
    "mathbf": "bold", "vec": "vec", "overrightarrow": "vec", "hat": "hat", "widehat": "hat", "tilde": "tilde",
    "overline": "bar", "bar": "bar", "dot": "dot", "ddot": "ddot", "widetilde": "tilde", "overleftrightarrow": "line",
}  # fmt: skip
DROPPED_WITH_GROUP = frozenset("hspace vspace phantom hphantom tag label color textcolor colorbox kern mkern".split())
FRACTIONS = frozenset({"frac", "dfrac", "tfrac", "cfrac", "nicefrac", "sfrac", "flatfrac"})
BINOMIALS = frozenset({"binom", "dbinom", "tbinom"})
TIMES = frozenset({"times", "cdot", "ast", "cdotp"})
PREFIX_NAMES = frozenset(
    {"angle", "triangle", "measuredangle", "odot", "bigtriangleup", "Box", "widehat", "overparen", "square"}
)
# SymPy's constructors, directly before a bracket, and the brackets of what they make.
CONSTRUCTORS = {"Rational": "/", "Fraction": "/", "Matrix": "[]", "FiniteSet": "{}", "Interval": "[]", "Tuple": "()",
                "Union": "union", "Eq": "="}  # fmt: skip
# Letters that, directly before a bracket, name a function.
USER_FUNCTIONS = frozenset({"f", "g", "h", "F", "G", "H", "phi", "psi", "Phi", "Psi"})
# What may stand before a whole answer and only joins it to the sentence: "therefore", "is equal to".
LEADING = frozenset("= := == approx sim therefore implies Rightarrow Longrightarrow rightarrow to iff".split())
# Written after a time of day; `p.m.` reaches the grammar as `pm`.
DAY_HALVES = frozenset({"am", "pm", "AM", "PM", "a.m.", "p.m.", "a.m", "p.m", "A.M.", "P.M.", "a. m.", "p. m."})
ORDINALS = frozenset({"st", "nd", "rd", "th"})  # `11th`, `11^{th}`: the number counts
# Commands that cannot begin an operand, so that juxtaposition ends before them.
NOT_OPERANDS = frozenset(
    "cup cap setminus backslash in notin subset subseteq le leq leqq leqslant ge geq geqq geqslant lt gt ne neq "
    "approx equiv cong sim simeq to rightarrow implies iff Rightarrow Leftrightarrow mid rfloor rceil "
    "rvert rVert vert Vert | rangle } rbrace rbrack over choose atop end pm mp times cdot div ast cdotp "
    "bullet star bmod mod pmod \\ % circ degree prime not leftarrow parallel perp Longrightarrow mapsto colon".split()
)

# Spelling of a relation -> its name.
RELATIONS = {
    "=": "=", "==": "=", ":=": "=", "<": "<", ">": ">", "<=": "<=", ">=": ">=", "=<": "<=", "!=": "!=",
    "le": "<=", "leq": "<=", "leqslant": "<=", "ge": ">=", "geq": ">=", "geqslant": ">=", "leqq": "<=", "geqq": ">=",
    "lt": "<", "gt": ">",
    "ne": "!=", "neq": "!=", "approx": "~", "simeq": "~", "sim": "~", "cong": "cong", "equiv": "equiv",
    "in": "in", "notin": "notin", "subset": "subset", "subseteq": "subset",
    "to": "to", "rightarrow": "to", "->": "to", "implies": "implies", "Rightarrow": "implies", "mapsto": "to",
    "perp": "perp", "parallel": "parallel",
}  # fmt: skip

_OTHERS = frozenset(
    "cr textdollar mathdollar texteuro times cdot div pm mp le leq leqq leqslant ge geq geqq geqslant lt gt ne neq "
    "approx equiv cong sim simeq infty pi cup cap in notin emptyset varnothing setminus subset subseteq "
    "subsetneq over choose lim sum prod int lfloor rfloor lceil rceil langle rangle lbrace rbrace lbrack "
    "therefore rbrack lvert rvert vert mid circ degree prime begin end pmod bmod mod to rightarrow leftarrow "
    "Rightarrow Leftrightarrow mapsto implies iff backslash not parallel perp boxed fbox and surd sqrt "
    "wedge land vee lor forall exists underbrace pounds euro yen colon".split()
)
# Every command that the grammar knows; a longer unknown one is split after the longest of these.
KNOWN_COMMANDS = (
    _OTHERS | FUNCTIONS.keys() | CONSTANTS.keys() | LETTERS | TRANSPARENT | DECORATED.keys() | DROPPED_WITH_GROUP
    | FRACTIONS | BINOMIALS | TIMES | PREFIX_NAMES
)  # fmt: skip
