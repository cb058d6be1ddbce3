"""Inputs that a hostile or broken model may write, each under a name: data for the robustness tests.

Promises: every entry is built on demand (some have ten megabytes), the same in every run, by us; nothing
here is harmful when it is only read. ``PAIRS`` holds answers that are provably different from their gold.
Not a test by itself: `adversarial_runner` runs it, `test_adversarial` and `benchmarks/adversarial.py` judge.
"""

from __future__ import annotations

import base64
import pickle
from collections.abc import Callable, Iterable
from functools import partial
from operator import mul
from typing import NamedTuple


class Attack(NamedTuple):
    """A name, the family it belongs to, what builds the text, and whether the text has no value at all."""

    name: str
    family: str
    build: Callable[[], str]
    undefined: bool = False


ATTACKS: list[Attack] = []


def _family(family: str, entries: Iterable[tuple[str, Callable[[], str]]], *, undefined: bool = False) -> None:
    ATTACKS.extend(Attack(f"{family}: {name}", family, build, undefined) for name, build in entries)


def wrapped(opening: str, core: str, closing: str, depth: int) -> str:
    """``core`` inside ``depth`` pairs."""
    return opening * depth + core + closing * depth


def iterated(step: Callable[[str], str], seed: str, times: int) -> str:
    """step(step(... seed))."""
    for _ in range(times):
        seed = step(seed)
    return seed


def joined(separator: str, count: int, member: Callable[[int], str]) -> str:
    return separator.join(member(k) for k in range(1, count + 1))


def _matrix(rows: int, columns: int, entry: Callable[[int, int], str], kind: str = "pmatrix") -> str:
    body = r"\\".join("&".join(entry(i, j) for j in range(columns)) for i in range(rows))
    return rf"\begin{{{kind}}}{body}\end{{{kind}}}"


# -- numbers too large to be written out ----------------------------------------------------------

_family("numbers", [
    ("tower 9^9^9", lambda: "9^{9^{9}}"),
    ("tower 100 high", lambda: wrapped("9^{", "9", "}", 100)),
    ("tower of stars", lambda: "9" + "**9" * 2900),
    ("tower of carets", lambda: "9" + "^9" * 2900),
    ("tower of pi", lambda: r"\pi^{\pi^{\pi^{\pi}}}"),
    ("tower of i", lambda: "i^{i^{i^{i}}}"),
    ("tower of e", lambda: wrapped("e^{", "x", "}", 100)),
    ("negative tower", lambda: "-9^{-9^{-9^{9}}}"),
    ("million factorial", lambda: "1000000!"),
    ("hundred million factorial", lambda: "100000000!"),
    ("factorial of factorials", lambda: "((((9!)!)!)!)!"),
    ("5,000 factorial signs", lambda: "9" + "!" * 5000),
    ("factorial of a root", lambda: r"(2999+\sqrt{2})!+\sin(x)"),
    ("binomial", lambda: r"\binom{10^{9}}{10^{8}}"),
    ("binomial of irrationals", lambda: r"\binom{2999\sqrt{2}}{1500\sqrt{3}}"),
    ("a million digits", lambda: "7" * 1_000_000),
    ("3,999 digits", lambda: "7" * 3_999),
    ("19,000 digits", lambda: "1" * 19_000),
    ("15,000 digits in groups", lambda: "7" + ",777" * 3_700),
    ("a long decimal", lambda: "0." + "7" * 3_990),
    ("a decimal of a million places", lambda: "0." + "3" * 1_000_000),
    ("a repeating decimal", lambda: "0." + "3" * 3_900 + r"4\ldots"),
    ("a long period", lambda: r"0.\overline{" + "123456789" * 430 + "}"),
    ("1e999999999", lambda: "1e999999999"),
    ("10^{10^9}", lambda: "10^{1000000000}"),
    ("10^{-10^9}", lambda: "10^{-1000000000}"),
    ("6,000 digits times x", lambda: "10^{5000}x"),
    ("an exponent of 5,000 digits", lambda: "x^{10^{5000}}"),
    ("a root of order 10^30", lambda: r"\sqrt[" + "9" * 30 + "]{2}"),
    ("an exponent 1/10^3000", lambda: r"2^{\frac{1}{" + "9" * 3_000 + "}}"),
    ("a semiprime of 3,000 digits", lambda: r"\sqrt{" + str((10**1500 + 9) * (10**1400 + 7)) + "}"),
    ("roots of powers of two", lambda: "+".join([r"\sqrt{2^{19998}}"] * 450)),
    ("5,000 digits in a base", lambda: "1" * 5_000 + "_{10}"),
    ("15,000 digits in base 36", lambda: "Z1" * 7_500 + "_{36}"),
    ("a base with a point", lambda: "5._8"),
    ("sine of 10^5000", lambda: r"\sin(10^{5000})"),
    ("tangent of 10^600", lambda: r"\tan(10^{600}+\frac{1}{2})x"),
    ("floor of a tower", lambda: r"\lfloor\pi^{\pi^{\pi^{\pi}}}\rfloor"),
    ("remainder of a power", lambda: r"2^{4000}\bmod 10^{3000}"),
    ("remainder of a tower", lambda: r"7^{7^{7^{7^{7}}}}\bmod 1000"),
    ("gcd of 390 integers", lambda: r"\gcd(" + joined(",", 390, lambda k: str(10**9 + k)) + ")"),
    ("logarithm of 2000!", lambda: r"\ln(2000!)"),
])  # fmt: skip

# -- sums, products, integrals, limits ------------------------------------------------------------

_family("big operators", [
    ("sum to 10^9", lambda: r"\sum_{k=1}^{10^{9}}k"),
    ("product to 10^9", lambda: r"\prod_{k=1}^{10^{9}}k"),
    ("sum to infinity", lambda: r"\sum_{k=1}^{\infty}\frac{1}{k^{2}}"),
    ("sum backwards", lambda: r"\sum_{k=10^{9}}^{-10^{9}}k"),
    ("harmonic sum", lambda: r"\sum_{k=1}^{2000}\frac{1}{k+10^{300}}"),
    ("sum of sums of fractions", lambda: r"\sum_{k=1}^{140}\sum_{j=1}^{140}\frac{1}{k+10^{100}j}"),
    ("sum of sums of sines", lambda: r"\sum_{k=1}^{60}\sum_{j=1}^{60}\sin(kjx+\cos x)"),
    ("five sums deep", lambda: "".join(rf"\sum_{{{v}=1}}^{{1900}}" for v in "abcdf") + "abcdf"),
    ("sum of factorials", lambda: r"\sum_{k=1}^{2000}k!"),
    ("sum of gammas", lambda: r"\sum_{k=1}^{500}\left(\frac{k\sqrt{x}}{7}\right)!"),
    ("sum of roots", lambda: r"\sum_{k=1}^{1900}\sqrt{k+10^{300}}"),
    ("product of polynomials", lambda: r"\prod_{k=1}^{200}(x+k)"),
    ("integral of x^x", lambda: r"\int_{0}^{10^{9}}\sin(x^{x})dx"),
    ("triple integral", lambda: r"\int_{0}^{1}\int_{0}^{1}\int_{0}^{1}\sin(xyz)dxdydz"),
    ("integral without bounds", lambda: r"\int e^{x^{2}}\sin(x^{3})dx"),
    ("40 integral signs", lambda: r"\int" * 40 + "x" + "dx" * 40),
    ("limit", lambda: r"\lim_{n\to\infty}(1+\frac{1}{n})^{n^{n^{n}}}"),
    ("limit of sines", lambda: r"\lim_{x\to 0}\frac{\sin(\sin(\sin(\sin x)))-x}{x^{3}}"),
    ("1,000 sum signs", lambda: r"\sum" * 1000),
])  # fmt: skip

# -- nesting --------------------------------------------------------------------------------------

_family("nesting", [
    ("100,000 parentheses", lambda: wrapped("(", "7", ")", 100_000)),
    ("9,900 parentheses", lambda: wrapped("(", "7", ")", 9_900)),
    ("119 parentheses", lambda: wrapped("(", "7", ")", 119)),
    ("1,900 open tuples", lambda: "(1," * 1_900),
    ("100,000 braces", lambda: wrapped("{", "7", "}", 100_000)),
    ("9,900 braces", lambda: wrapped("{", "7", "}", 9_900)),
    ("left and right", lambda: wrapped(r"\left(", "7", r"\right)", 900)),
    ("100,000 fractions", lambda: wrapped(r"\frac{1}{1+", "x", "}", 100_000)),
    ("110 fractions", lambda: wrapped(r"\frac{1}{1+", "x", "}", 110)),
    ("mixed numbers in fractions", lambda: wrapped(r"1\frac{", "x", "}{2}", 100)),
    ("mixed numbers without braces", lambda: r"1\frac" * 100 + "12" * 101),
    ("100,000 roots", lambda: wrapped(r"\sqrt{", "7", "}", 100_000)),
    ("110 roots", lambda: wrapped(r"\sqrt{1+", "x", "}", 110)),
    ("roots without braces", lambda: r"\sqrt" * 5_000 + "7"),
    ("half-powers", lambda: wrapped("(1+", "x", r")^{\frac{7}{2}}", 12)),
    ("continued powers", lambda: wrapped(r"\left(1+\frac{1}{", "x", r"}\right)^{12}", 8)),
    ("sines of powers of sines", lambda: iterated(lambda s: rf"\sin((1+{s})^{{100}})", "x", 5)),
    ("sines", lambda: wrapped(r"\sin(", "x", ")", 110)),
    ("sines without brackets", lambda: r"\sin" * 2_900 + " x"),
    ("logarithms of logarithms", lambda: wrapped(r"\ln(2+", "x", ")", 100)),
    ("logarithms to logarithms", lambda: wrapped(r"\log_{", "3", "}4", 100)),
    ("floors", lambda: wrapped(r"\lfloor 1+", "x", r"\rfloor", 100)),
    ("bars", lambda: "|1+" * 100 + "x" + "|" * 100),
    ("absolute values in an inequality", lambda: wrapped(r"\lvert ", "x", r"\rvert", 50) + "<5"),
    ("2,900 bars", lambda: "|" * 2_900),
    ("sets", lambda: wrapped(r"\{", "1", r"\}", 110)),
    ("tuples", lambda: wrapped("(1,", "1", ")", 110)),
    ("lists", lambda: wrapped("[1,", "1", ")", 110)),
    ("set-builders", lambda: wrapped(r"\{x\mid ", "x>1", r"\}", 50)),
    ("overlines", lambda: wrapped(r"\overline{", "5", "}", 110)),
    ("underbraces", lambda: wrapped(r"\underbrace{", "5", "}_{n}", 110)),
    ("text in text", lambda: wrapped(r"\text{", "7", "}", 3_000)),
    ("1,000 environments open", lambda: r"\begin{pmatrix}" * 1_000),
    ("environments in environments", lambda: wrapped(r"\begin{cases}", "1", r"\end{cases}", 110)),
    ("cases that differ inside", lambda: iterated(
        lambda s: rf"\begin{{cases}}{s}\\x+y=1\end{{cases}}", "x=1,y=2", 30)),
    ("scripts in scripts", lambda: wrapped("x_{", "1", "}", 2_900)),
    ("boxes in boxes", lambda: wrapped(r"\boxed{", "7", "}", 2_900)),
])  # fmt: skip

# Deep, but within the depth limit, where whatever is done twice at a level is done 2^depth times.
_WRAPPERS = (
    ("(", ")"), ("(1,", ")"), ("[1,", ")"), (r"\{1,", r"\}"), ("{", "}"), (r"\{", r"\}"), (r"\{x\mid x>", r"\}"),
    ("f(", ")"), (r"\frac{1}{", "}"), (r"\frac{1}{1+", "}"), (r"\frac{", "}{3}"), (r"1\frac{", "}{3}"),
    (r"\sqrt{", "}"), (r"\sqrt[3]{1+", "}"), ("2^{", "}"), ("(1+", ")^{2}"), ("(1+", r")^{\frac{1}{2}}"),
    ("(1+", r")^{-1}"), (r"\sin(", ")"), (r"\sin(1+", ")"), (r"\ln(2+", ")"), (r"\log_{2}(", ")"), ("|", "|"),
    (r"\lvert 1-", r"\rvert"), (r"\lfloor ", r"\rfloor"), (r"\max(1,", ")"), (r"\binom{", "}{2}"),
    (r"\binom{5}{", "}"), (r"\gcd(6,", ")"), ("(", ")!"), ("(", r")\%"), ("(", r")^\circ"), ("-(", ")"),
    (r"\overline{", "}"), (r"\vec{", "}"), (r"\mathbf{", "}"), (r"\text{a}(", ")"), ("x_{", "}"), (r"\boxed{", "}"),
    (r"\begin{pmatrix}", r"\end{pmatrix}"), (r"\begin{pmatrix}1&", r"\end{pmatrix}"),
    (r"\begin{vmatrix}", r"\end{vmatrix}"), (r"\begin{cases}", r"\\x=1\end{cases}"),
    (r"\begin{cases}1&", r"\end{cases}"), (r"\begin{array}{c}", r"\end{array}"), (r"\sum_{k=1}^{2}(", ")"),
    (r"\sum_{k=1}^{9}(k+", ")"), (r"\prod_{k=1}^{2}(", ")"), (r"\int_{0}^{1}(", ")dx"), (r"\lim_{x\to 0}(", ")"),
    (r"x=(", ")"), ("(x,y)=(1,", ")"), (r"(1\pm ", ")"), (r"(1 \text{ or } ", ")"), (r"(1 \text{ and } ", ")"),
    (r"(0,1)\cup(", ")"), (r"\mathbb{R}\setminus(", ")"), (r"x\in(", ")"), (r"\left(1,", r"\right)^{2}"),
    ("3:(", ")"), (r"(A) ", ""), (r"\frac{d}{dx}(", ")"), (r"\$(", ")"), (r"\operatorname{f}(", ")"),
    (r"\langle 1,", r"\rangle"),
)  # fmt: skip
_family("levels", [
    (f"{depth} of {opening}...{closing}", partial(wrapped, opening, core, closing, depth))
    for opening, closing in _WRAPPERS for depth, core in ((12, "1"), (25, "x"), (55, "2"))
])  # fmt: skip

# -- chains and lists -----------------------------------------------------------------------------

_family("length", [
    ("2,900 divisions", lambda: "1" + "/2" * 2_900),
    ("2,900 remainders", lambda: "7" + r"\bmod 3" * 1_900),
    ("2,900 plus-minus signs", lambda: "1" + r"\pm x" * 1_400),
    ("5,900 signs", lambda: "-" * 5_900 + "7"),
    ("5,900 percent signs", lambda: "5" + "%" * 5_900),
    ("1,900 degree signs", lambda: "5" + r"^\circ" * 1_900),
    ("5,000 primes", lambda: "f" + "'" * 5_000),
    ("5,000 dollar signs", lambda: "$" * 5_001 + "7"),
    ("5,000 escaped dollar signs", lambda: r"\$" * 2_900 + "7"),
    ("a chain of 2,900 equations", lambda: "1=" * 2_900 + "1"),
    ("a chain of equal values", lambda: "y=" + "=".join([r"\sin^{2}1+\cos^{2}1"] * 400)),
    ("a chain of inequalities", lambda: joined("<", 2_900, str)),
    ("a chain with an unknown", lambda: "x<" + joined("<", 800, lambda k: rf"\sqrt{{{k}}}")),
    ("a chain of approximations", lambda: "x" + r"\approx 1" * 2_000),
    ("a ratio of 2,900", lambda: "1:" * 2_900 + "1"),
    ("a ratio of polynomials", lambda: joined(":", 300, lambda k: f"x^{{{k}}}+1")),
    ("a list of 400", lambda: ",".join(["1", "2"] * 200)),
    ("a list of 10,000", lambda: ",".join(["1"] * 10_000)),
    ("a list of harmonic sums", lambda: ",".join([r"\sum_{k=1}^{1900}\frac{1}{k}"] * 300)),
    ("a list of sines", lambda: joined(",", 300, lambda k: rf"\sin(2x)+{k}")),
    ("a list of integrals", lambda: joined(",", 300, lambda k: rf"\int_0^1x^{{{k}}}dx")),
    ("a set of equal values", lambda: r"\{" + joined(",", 150, lambda k: rf"\sin({k}x)^2+\cos({k}x)^2") + r"\}"),
    ("a set of different values", lambda: r"\{" + joined(",", 150, lambda k: rf"\sin({k}x)^2+{k}") + r"\}"),
    ("equations joined by and", lambda: "x=1" + r" \text{ and } x=1" * 380),
    ("equations joined by or", lambda: "x=1" + r" \text{ or } x=2" * 380),
    ("a hedge of 390 values", lambda: "1" + " or 2" * 390),
    ("a union of 700 intervals", lambda: joined(r"\cup", 700, lambda k: f"({-2 * k},{1 - 2 * k})")),
    ("a union of irrational intervals", lambda: joined(
        r"\cup", 300, lambda k: rf"(-\sqrt{{{2 * k + 1}}},-\sqrt{{{2 * k}}})")),
    ("an intersection of unions", lambda: r"\cap".join([r"(0,1)\cup(2,3)"] * 200)),
    ("differences of sets", lambda: r"(-\infty,\infty)" + r"\setminus\{1\}" * 600),
    ("399 excluded values", lambda: joined(r" \text{ and } ", 399, lambda k: rf"x\ne {k}")),
    ("a matrix of 20 by 20", lambda: _matrix(20, 20, lambda i, j: f"x^{{{i}}}+{j}")),
    ("a matrix of 1 by 2,000", lambda: _matrix(1, 2_000, lambda i, j: str(j))),
    ("a determinant", lambda: _matrix(6, 6, lambda i, j: f"(a_{{{i}{j}}}+1)^2", "vmatrix")),
    ("powers of powers of a matrix", lambda: iterated(
        lambda s: f"({s})^{{8}}", r"\begin{pmatrix}a&b\\c&f\end{pmatrix}", 4)),
    ("a product of 150 matrices", lambda: r"\begin{pmatrix}1&2\\3&4\end{pmatrix}" * 150),
    ("a system of 400 equations", lambda: joined(",", 400, lambda k: f"x_{{{k}}}={k}")),
])  # fmt: skip

# -- algebra --------------------------------------------------------------------------------------

_family("algebra", [
    ("(x+1)^3999", lambda: "(x+1)^{3999}"),
    ("(x+y+z+w)^500", lambda: "(x+y+z+w)^{500}"),
    ("500 symbols to a power", lambda: "(1+" + joined("", 500, lambda k: f"x_{{{k}}}") + ")^{190}"),
    ("the square of 190 symbols", lambda: "(" + joined("+", 190, lambda k: f"x_{{{k}}}") + ")^{2}"),
    ("a product of 900 factors", lambda: joined("", 900, lambda k: f"(x+{k})")),
    ("900 symbols", lambda: joined("+", 900, lambda k: f"x_{{{k}}}")),
    ("19,000 letters", lambda: "x" * 19_000),
    ("9,900 letters apart", lambda: "x " * 5_900),
    ("4,200 letters of all kinds", lambda: "ab c" * 1_400),
    ("cos^400 + sin^400", lambda: r"\cos^{400}(x)+\sin^{400}(x)"),
    ("de Moivre", lambda: r"(\cos x+i\sin x)^{300}"),
    ("900 roots", lambda: joined("+", 900, lambda k: rf"\sqrt{{{k}}}")),
    ("the inverse of a sum of roots", lambda: r"\frac{1}{" + "+".join(
        rf"\sqrt{{{p}}}" for p in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31)) + "}"),
    ("a product of sums of roots", lambda: "".join(
        rf"(1+\sqrt{{{p}}})" for p in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31))),
    ("250 large fractions", lambda: joined("+", 250, lambda k: rf"\frac{{1}}{{{10**20 + k}}}")),
    ("an inequality of degree 100", lambda: "(x+1)^{100}<(x+2)^{100}"),
    ("a quadratic with irrational coefficients", lambda: r"x^{2}+\sqrt{2}x+\sqrt{3}<\pi"),
    ("a half angle, 60 deep", lambda: wrapped(r"\sqrt{2+", "2", "}", 60)),
])  # fmt: skip

# -- against our regular expressions --------------------------------------------------------------

_family("patterns", [
    ("dashes in text", lambda: r"\text{" + "-" * 19_900 + "}"),
    ("dots behind a unit", lambda: r"\text{a" + "." * 19_000 + "(}"),
    ("trailing dots", lambda: "." * 9_000 + "x" + "." * 900 + "y."),
    ("trailing backslashes", lambda: "7" + "\\" * 19_000 + "x\\"),
    ("trailing spaces and dots", lambda: "7" + " ." * 9_000 + "x."),
    ("spaces behind a comma", lambda: "1," + " " * 19_000 + r"\!x"),
    ("thousands that are none", lambda: "1" + ",234" * 4_000 + "5"),
    ("an unknown command of 19,000 letters", lambda: "\\" + "x" * 19_000),
    ("5,000 unknown commands", lambda: r"\x" * 5_000),
    ("spaces before a brace", lambda: r"\text" + " " * 19_000 + "7"),
    ("unclosed text", lambda: r"\text{" * 3_000),
    ("chat tokens", lambda: "a " * 200 + ("<|a|>" + " " * 15) * 9 + "x"),
    ("chat tokens alone", lambda: "<|a|>" * 2_000),
    ("the answer is is is", lambda: ("answer" + " " * 60 + "is" + " " * 9) * 2_000),
    ("a million answers", lambda: "answer " * 1_000_000),
    ("final answers without one", lambda: "Final Answer: " * 100_000),
    ("a quarter of a million digits", lambda: "1" * 256_000 + "a"),
    ("numbers and points", lambda: "1." * 128_000),
    ("spaces and a number", lambda: " " * 256_000 + "1x"),
    ("80,000 lines", lambda: "so\n" * 80_000 + "1x"),
    ("ten million dollar signs", lambda: "$" * 10_000_000),
    ("formulas that are none", lambda: "$a word" * 50_000),
    ("environments that are none", lambda: r"\begin{a}" * 50_000),
    ("asterisks", lambda: "*" * 200_000),
    ("hash signs", lambda: "#" * 200_000),
    ("words without end", lambda: "theanswer" * 2_000),
    ("glue between boxes", lambda: r"\boxed{1}" + " " * 150 + "," + " " * 5 + r"\boxed{2}"),
])  # fmt: skip

# -- boxes ----------------------------------------------------------------------------------------

_family("boxes", [
    ("100,000 boxes", lambda: r"\boxed{1}" * 100_000),
    ("100,000 boxes joined", lambda: ", ".join([r"\boxed{1}"] * 100_000)),
    ("1,400,000 open boxes", lambda: r"\boxed{" * 1_400_000),
    ("100,000 nested boxes", lambda: wrapped(r"\boxed{", "1", "}", 100_000)),
    ("one open box before 50,000 closed ones", lambda: r"\boxed{" + r"\boxed{1}" * 50_000),
    ("100,000 mentions", lambda: r"\boxed." * 100_000),
    ("long mentions", lambda: (r"\boxed." + "a" * 90) * 100_000),
    ("alternating markers", lambda: (r"\fbox{1}\boxed." + "a" * 90) * 50_000),
    ("a box without braces", lambda: r"\boxed " + "x" * 1_000_000),
    ("a million closing braces", lambda: r"\boxed{" + "}" * 1_000_000),
    ("a million pairs in a box", lambda: r"\boxed{" + "{}" * 1_000_000 + "}"),
    ("ten megabytes of backslashes", lambda: "\\" * 10_000_000),
    ("backslashes before a brace", lambda: r"\boxed{7" + "\\" * 1_000_001 + "}"),
    ("100,000 think tags", lambda: "<think>" * 100_000 + "</think>" * 99_999),
    ("100,000 answer tags", lambda: "<answer>" * 100_000),
    ("form feeds and backspaces", lambda: "\x08oxed{1}\x0cbox{1}" * 20_000),
    ("a response over the limit", lambda: "a" * 20_000_001),
])  # fmt: skip

# -- characters -----------------------------------------------------------------------------------

_family("characters", [
    ("NUL", lambda: "\x00" * 5_000),
    ("NUL behind a number", lambda: "7\x00"),
    ("every control character", lambda: "".join(map(chr, range(32))) * 100),
    ("a lone surrogate", lambda: "\ud800"),
    ("5,000 lone surrogates", lambda: "\udfff\ud800" * 2_500),
    ("a lone surrogate as a unit", lambda: "\\sin(3x\\text{\ud800})+\\sqrt{x^{2}}"),
    ("a lone surrogate as a label", lambda: "\\text{\ud800}=7"),
    ("right-to-left marks", lambda: "\u202e7\u202c" * 2_000),
    ("invisible characters", lambda: "\u200b\u2060\ufeff" * 3_000),
    ("combining characters", lambda: "a" + "\u0301" * 19_000),
    ("superscripts", lambda: "x" + "²" * 5_000),
    ("superscripts and subscripts", lambda: "x" + "²₂" * 3_000),
    ("18,000 fractions in one character", lambda: "½" * 18_000),
    ("18,000 fourth roots in one character", lambda: "∜" * 18_000),
    ("full-width digits", lambda: "７" * 3_999),
    ("digits of other scripts", lambda: "٣" * 3_999),
    ("a superscript among digits", lambda: "1²3⁴"),
    ("emoji", lambda: "😀" * 9_000),
    ("HTML entities", lambda: "&lt;" * 4_900),
    ("numeric entities", lambda: "&#55;" * 3_900),
    ("entities of surrogates", lambda: "&#55296;&#0;&#999999;" * 500),
    ("ASCII art", lambda: ("/\\_" * 40 + "\n") * 100),
    ("every printable character", lambda: "".join(map(chr, range(33, 127))) * 50),
    ("the whole first plane", lambda: "".join(map(chr, range(0x80, 0x2FFF)))),
])  # fmt: skip

# -- unbalanced -----------------------------------------------------------------------------------

_family("unbalanced", [(text, partial(mul, text, times)) for text, times in (
    ("(", 5_000), (")", 5_000), ("[", 5_000), ("}", 5_000), (r"\{", 2_900), (r"\frac", 5_000), (r"\frac{1}", 1_400),
    (r"\left(", 2_900), (r"\right)", 2_900), (r"\end{pmatrix}", 900), ("^", 5_000), ("_", 5_000), ("^{", 2_900),
    ("&", 5_000), (",", 5_000), (r"\\", 5_000), ("=", 5_000), ("<", 5_000), (r"\sqrt[", 2_900), (r"\text{", 2_900),
    (r"\int_", 2_900), (r"\lim_{", 1_900), ("1,(", 1_900), ("|x", 2_900), (r"\not", 5_000), (r"\begin", 5_000),
    (r"x\pmod", 2_900), (r"\hspace", 5_000), (r"\phantom{", 2_900), (r"\operatorname", 5_000), (r"\boxed", 2_900),
)])  # fmt: skip

# -- code -----------------------------------------------------------------------------------------

TOUCHED = "rlvr_verifier_was_here"  # a file of this name in the current folder: some of the code ran
_PYTHON = f"open('{TOUCHED}','w').write('x')"
_family("code", [
    ("Python call", lambda: _PYTHON),
    ("Python lambda", lambda: f"(lambda: {_PYTHON})()"),
    ("Python import", lambda: f"__import__('os').system('touch {TOUCHED}')"),
    ("Python eval", lambda: f'eval("{_PYTHON}")'),
    ("Python exec", lambda: f'exec("import os; os.mkdir(\'{TOUCHED}\')")'),
    ("Python subclasses", lambda: "().__class__.__bases__[0].__subclasses__()"),
    ("Python loop", lambda: "[x for x in iter(int, 1)]"),
    ("Python power", lambda: "9**9**9**9"),
    ("Python class with __eq__", lambda: "type('A',(int,),{'__eq__':lambda a,b:True})(7)"),
    ("f-string", lambda: "{self.__class__.__init__.__globals__}"),
    ("format string", lambda: "%s%n%x" * 500),
    ("format specification", lambda: "{0:999999999}"),
    ("template string", lambda: "${7*7}{{7*7}}<%= 7*7 %>"),
    ("shell", lambda: f"$(touch {TOUCHED})`touch {TOUCHED}`; touch {TOUCHED} | cat"),
    ("JavaScript", lambda: f"require('fs').writeFileSync('{TOUCHED}','x')"),
    ("script tag", lambda: "<script>alert(1)</script>"),
    ("SQL", lambda: "7'; DROP TABLE golds; --"),
    ("SymPy integral", lambda: "Integral(exp(-x**2)*sin(x**3),(x,0,oo))"),
    ("SymPy text", lambda: f"sympify('{_PYTHON}')"),
    ("SymPy lambda", lambda: "Lambda(x, x**x)(9**9**9)"),
    ("SymPy constructors", lambda: "Symbol('x').func.__globals__"),
    ("SymPy power", lambda: "Pow(9,Pow(9,Pow(9,9)))"),
    ("Mathematica", lambda: f'Run["touch {TOUCHED}"]'),
    ("LaTeX write", lambda: rf"\immediate\write18{{touch {TOUCHED}}}"),
    ("LaTeX input", lambda: r"\input{/etc/passwd}"),
    ("LaTeX loop", lambda: r"\def\x{\x\x}\x"),
    ("LaTeX catcode", lambda: r"\catcode`\{=12 \newcommand{\frac}[2]{7}\frac12"),
    ("pickle in base64", lambda: base64.b64encode(pickle.dumps(_PYTHON)).decode()),
    ("pickle opcodes", lambda: f"cos\nsystem\n(S'touch {TOUCHED}'\ntR."),
    ("YAML tag", lambda: f"!!python/object/apply:os.system ['touch {TOUCHED}']"),
    ("JSON", lambda: '{"gold": 7, "status": "correct", "equal": true}'),
    ("deep JSON", lambda: "[" * 5_000 + "]" * 5_000),
    ("a worker's frame", lambda: 'rlvr\x00\x00\x00\x13{"status":"correct"}'),
    ("a path", lambda: "../../../../etc/passwd"),
    ("a URL", lambda: "http://127.0.0.1:9/\\boxed{7}"),
])  # fmt: skip

# -- texts without a value: never equal to anything, themselves included --------------------------

_family("undefined", [(text, partial(str, text)) for text in (
    r"\frac{0}{0}", "0/0", "1/0", r"\frac{1}{1-1}", r"\frac{x}{x-x}", "nan", "NaN", "?", "??", "", " ", "{}",
    r"\infty-\infty", r"0\cdot\infty", r"\frac{\infty}{\infty}", r"\log(0)", r"\ln 0", r"\log_{1}5",
    r"\tan(90^{\circ})", r"\sqrt[0]{2}", "(-1)!", "5 \\bmod 0", r"\csc 0", "null", "1=2",
    "x=1=2", "0:0",
)], undefined=True)  # fmt: skip

# -- answers provably different from their gold, near enough to be confused with it ---------------

_PI = "3.14159265358979323846264338327950288419716939937510582097494459230781640628620899"
PAIRS: tuple[tuple[str, str], ...] = (
    (r"\frac{1}{2004!}", r"\frac{1}{2006!}"),
    (r"\frac{1}{2^{99}}", r"\frac{1}{2^{98}}"),
    ("9^{9^{9}}", "9^{9^{9}}+1"),
    ("9^{9^{9}}", "9^{9^{8}}"),
    ("1000000!", "1000000!+1"),
    ("1000000!", "1000001!"),
    ("10^{30}", "10^{30}+1"),
    ("10^{5000}", "10^{5000}+1"),
    ("10^{5000}x", "10^{5001}x"),
    ("123456789012345678901234567890", "123456789012345678901234567891"),
    ("10000", "10001"),
    (r"\binom{1000}{500}", r"\binom{1000}{500}+1"),
    (r"\sum_{k=1}^{10^{9}}k", "500000000500000001"),
    ("(x+1)^{300}", "(x+1)^{300}+1"),
    ("x^{4000}", "x^{4001}"),
    ("x^{10^{5000}}", "x^{10^{5001}}"),
    (_PI, r"\pi"),
    (r"e^{\pi\sqrt{163}}", "262537412640768744"),
    (r"\sin(10^{-30})", "10^{-30}"),
    (r"\cos(10^{-40})", "1"),
    (r"\tanh(50)", "1"),
    (r"\tanh(200)", "1"),
    (r"\coth(300)", "1"),
    ("1+e^{-1000}", "1"),
    (r"\sqrt{1+e^{-900}}", "1"),
    (r"\cos(e^{-300})", "1"),
    (r"\log_{10}(10^{300}+1)", "300"),
    (r"\max(1,1+e^{-1000})", "1"),
    ("|x+e^{-1000}|", "|x|"),
    (r"\gcd(4,6+e^{-999})", "2"),
    (r"\arctan(e^{500})", r"\frac{\pi}{2}"),
    (r"\ln(1+e^{-300})", "e^{-300}"),
    (r"\arctan(10^{60})", r"\frac{\pi}{2}"),
    ("1-10^{-400}", "1"),
    ("e^{-1000}", "0"),
    ("e^{x}+10^{-30}", "e^{x}"),
    (r"\sqrt{10^{60}+1}", "10^{30}"),
    (r"\ln(1+10^{-60})", "10^{-60}"),
    (r"\lfloor 10^{50}-10^{-60}\rfloor", "10^{50}"),
    (r"\pi^{\pi^{\pi^{\pi}}}", r"\pi^{\pi^{\pi^{\pi}}}+1"),
    (r"\sqrt{x^{2}}", "x"),
    (r"\sqrt[3]{x^{3}+10^{-30}}", "x"),
    ("2x+z=1", "1"),
    ("0/0", "nan"),
    (r"4\frac32 5", r"\frac{8}{5}"),
    (",".join(["1", "2"] * 200), ",".join(["2"] * 201 + ["1"] * 199)),
    (",".join(["1"] * 399), ",".join(["1"] * 400)),
    (r"\int_{0}^{1}xdx", "0.5000000000000000000000000000000000000001"),
)
# every nesting against itself around another core; binomials may meet again on the way out
PAIRS += tuple(
    (wrapped(opening, "1", closing, depth), wrapped(opening, "2", closing, depth))
    for opening, closing in _WRAPPERS
    for depth in (12, 25, 55)
    if "binom" not in opening
)
