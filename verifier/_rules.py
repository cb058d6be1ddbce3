r"""The table of extraction rules: what counts as an answer, and an example of each row.

Order matters twice: the modes try boxes, tags, phrases and the rest in this order, and of two phrases that
begin at the same place the upper one names the answer (otherwise the last phrase of the text wins).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: what it is called, when it applies, how it begins, and an example.

    modes: in which it applies. anchors: the literals it begins with (empty: it needs none).
    pattern: for phrases, the regular expression that must match at an anchor; the answer stands behind it.
    example, answer: a response in which this row decides in the first of ``modes``, and its answer.
    """

    name: str
    modes: tuple[str, ...]
    anchors: tuple[str, ...]
    example: str
    answer: str
    pattern: str = ""


_ANY_BOX = ("boxed", "answer_tag", "final_answer", "any")
_TAG = ("answer_tag", "any")
_PHRASE = ("final_answer", "any")
_ANSWER = ("answer", "Answer", "ANSWER")

# behind "answer": a few words and a verb ("the answer to the question would be"), or at once a colon
_VERB = r"\b(?:is|are|was|be|becomes|equals)\b(?!\s+(?:not|in|as|correct|clear|helpful|reasonable|consistent)\b)"
_IS = (
    rf"s?(?:(?:[ ][^.,:=\n]{{0,60}}?)??[*_\s]{{0,9}}{_VERB}\s{{0,9}}[:：]?"
    r"|(?:[ ]\([^()\n]{0,40}\))?[*_\s]{0,9}[:：=])"
)
_FINAL = r"(?<=inal.|INAL.)(?i:answer)"
_OTHER = ("éponse", "espuesta", "esposta", "isposta", "ntwort", "твет")

# fmt: off
BOXES: tuple[Rule, ...] = (
    Rule("boxed", _ANY_BOX, ("\\boxed",), r"It was \boxed{3}, no: \boxed{\frac12}.", r"\frac12"),
    Rule("fbox", _ANY_BOX, ("\\fbox",), r"so \fbox{7}", "7"),
    # a JSON string written with one backslash too few: `\b` is a backspace, `\f` a form feed
    Rule("boxed_backspace", _ANY_BOX, ("\x08oxed",), "so $\x08oxed{7}$", "7"),
    Rule("fbox_formfeed", _ANY_BOX, ("\x0cbox",), "so $\x0cbox{7}$", "7"),
)
TAGS: tuple[Rule, ...] = (
    Rule("answer_tag", _TAG, ("<answer>",), "<think>3?</think> <answer> 7 </answer>", "7"),
    # generation that stops at </answer> leaves it out
    Rule("answer_tag_open", _TAG, ("<answer>",), "<think>3?</think> <answer> 7", "7"),
)
PHRASES: tuple[Rule, ...] = (
    Rule("hope_it_is_correct", _PHRASE, _ANSWER,
         "Final Answer: The final answer is $3.$ I hope it is correct.", "3.",
         rf"{_FINAL}{_IS}(?=.{{0,400}}?I hope it is correct)"),
    Rule("final_answer", _PHRASE, _ANSWER, "**Final answer:** 42", "42", rf"{_FINAL}{_IS}"),
    Rule("final_answer_heading", _PHRASE, _ANSWER,
         "### Final Answer\n\nThe rope is 12 m long.", "12 m", rf"{_FINAL}[*_ ]{{0,6}}\r?\n"),
    Rule("answer_is", _PHRASE, _ANSWER, "So the answer is 7.", "7", rf"(?i:answer){_IS}"),
    Rule("choice_is", _PHRASE, ("hoice", "ption"), "So the correct choice is (B).", "(B)",
         r"(?:hoice|ption)\s+is:?(?=[\s*]{1,4}\(?[A-J]\b)"),
    Rule("option_is_correct", _PHRASE, ("ption", "hoice"), "Option C is correct.", "C",
         r"(?:hoice|ption)(?=\s\(?[A-J]\)?\s+is\s+(?:the\s+)?(?:correct|right))"),
    # four number signs are a heading in Markdown as well: only a number may follow
    Rule("four_hashes", _PHRASE, ("####",), "3 + 4 = 7\n#### 7", "7", r"####(?=[ ]{0,3}[-+$(\\]{0,3}\d)"),
    Rule("chinese", _PHRASE, ("答案",), "因此，答案为 $5$。", "5",
         r"答案[^。：:\n是为]{0,12}?(?:[：:]|(?:应该|应|就|即)?[是为][：:]?)"),
    Rule("chinese_choice", _PHRASE, ("故选", "应选"), "两数相等，故选：C。", "C", r"[故应]选择?[：:]?"),
    Rule("other_languages", _PHRASE, _OTHER, "La réponse est 12.", "12",
         rf"(?:{'|'.join(_OTHER)})[ \w]{{0,30}}?(?:\s*[:=]|\s+(?:est|es|é|è|ist|lautet)\b)"),
)
REST: tuple[Rule, ...] = (
    Rule("formula", ("any",), ("$", "\\(", "\\[", "\\begin"), "Therefore $x > 5$ is the solution.", "x > 5"),
    Rule("number", ("any",), (), "They pay $1,250.50 for 3 days: each pays 12 percent.", "12 percent"),
    Rule("choice", ("any",), (), "B. The others cannot be true.", "B"),
    Rule("bold", ("any",), ("**",), "In the end the winner of the race is **Evelyn** by far.", "Evelyn"),
    Rule("whole", ("any",), (), r" x^2 + \frac12 ", r"x^2 + \frac12"),
)
# fmt: on
RULES: tuple[Rule, ...] = BOXES + TAGS + PHRASES + REST


def by_anchor(rows: tuple[Rule, ...]) -> dict[str, tuple[Rule, ...]]:
    """The rows that may begin at each anchor, in order."""
    return {anchor: tuple(row for row in rows if anchor in row.anchors) for rule in rows for anchor in rule.anchors}


PHRASE_AT = by_anchor(PHRASES)
HOPE_AT = by_anchor(PHRASES[:1])  # "I hope it is correct" alone
