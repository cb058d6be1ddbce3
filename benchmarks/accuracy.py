"""How right the verifier is, beside three other graders in the same run: ``make accuracy`` writes docs/accuracy.md.

Promises: false positives and false negatives per answer type and source on the labelled cases of
``../shared/cases/dev.jsonl``, for us and for every grader that can be asked (one that cannot is named with the
reason); every case that we get wrong, by source and row number; no text of any case. Peers' verdicts are remembered
under ``.cache``, ours are always new.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import platform
import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import workload
from benchmarks.peers import HARD_LIMIT_S, PEERS, SLOW_S, Opinion, Panel, PeerError, Question
from verifier import Status, Verdict, VerifierConfig, extract, verify
from verifier.compare import reader
from verifier.config import DEFAULT_CONFIG, GRAMMAR_VERSION

OUTPUT = workload.ROOT / "docs" / "accuracy.md"
DISPUTED = workload.ROOT / "tests" / "cases" / "disputed.jsonl"
OURS = "ours"
BOXED = DEFAULT_CONFIG
ANY = VerifierConfig(extraction="any")


@dataclass
class Case:
    """One labelled row: what it is, and what every grader said. row: from 0, in the file's order."""

    row: int
    kind: str
    tier: str
    source: str
    equal: bool
    type: str
    question: Question
    verdict: Verdict
    opinions: dict[str, Opinion] = field(default_factory=dict)


# -- judging -----------------------------------------------------------------------------------------


def judge(row: int, data: dict[str, Any]) -> Case:
    """Our verdict on a row. A bare answer goes in a box; prose is read in mode `any`, its gold unwrapped alike."""
    gold, prediction, kind = data["gold"], data["prediction"], data["kind"]
    if kind == "text":
        answer, gold_answer = _found(prediction), _found(gold)
        reference = gold if gold_answer is None else gold_answer
        question = Question(kind, gold, prediction, answer, reference)
        verdict = verify(response=prediction, gold=reference, config=ANY)
    else:
        reference = gold
        question = Question(kind, gold, prediction)
        response = f"\\boxed{{{prediction}}}" if kind == "answer" else prediction
        verdict = verify(response=response, gold=gold, config=BOXED)
    credited = None if verdict.status is Status.UNSCORED else verdict.correct
    opinion = Opinion(credited, verdict.elapsed_s, "" if credited is not None else verdict.reason.value)
    case = Case(row, kind, data["tier"], data["source"], data["expected"], answer_type(reference), question, verdict)
    case.opinions[OURS] = opinion
    return case


def _found(text: str) -> str | None:
    extraction = extract(text, "any")
    candidate = extraction.joined or extraction.answer
    return None if candidate is None else candidate.text


def answer_type(gold: str) -> str:
    """The type that our recogniser gives a gold; its largest type, `expression`, split by what the form holds."""
    answer = reader(DEFAULT_CONFIG).read(gold).answer
    if answer is None:
        return "unreadable by us"
    if answer.kind != "expression":
        return answer.kind
    form = answer.form
    names = set(re.findall(r"[^\W\d_]\w*(?!\w*\()", form))
    if names - {"pi", "e", "i"}:
        return "expression with symbols"
    if "i" in names:
        return "complex number"
    if re.fullmatch(r"-?\d+", form):
        return "integer"
    if re.fullmatch(r"-?\d+/\d+", form):
        return "decimal" if re.search(r"\.\d", gold) else "fraction"
    return "radical, constant or function value"


# -- counting ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Score:
    """Counts of one grader over some cases. undecided_different: no verdict where the label says different."""

    equal: int
    different: int
    false_positives: int
    false_negatives: int
    undecided: int
    undecided_different: int

    @property
    def wrong(self) -> int:
        return self.false_positives + self.false_negatives + self.undecided_different

    @property
    def accuracy(self) -> float:
        return 1 - self.wrong / max(1, self.equal + self.different)


def score(cases: Sequence[Case], grader: str) -> Score:
    """A pair that a grader does not decide is a false negative where it is equal, and wrong where it is not."""
    equal = [case.opinions[grader].credited for case in cases if case.equal]
    different = [case.opinions[grader].credited for case in cases if not case.equal]
    return Score(
        len(equal),
        len(different),
        sum(credited is True for credited in different),
        sum(credited is not True for credited in equal),
        sum(credited is None for credited in equal + different),
        sum(credited is None for credited in different),
    )


def interval(count: int, total: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a proportion, as parts of one.

    >>> interval(0, 100)[0], round(interval(0, 100)[1], 3)
    (0.0, 0.037)
    """
    if not total:
        return 0.0, 1.0
    z = 1.959964
    middle = (count / total + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * math.sqrt(count / total * (1 - count / total) / total + z * z / (4 * total**2))
    return (0.0 if not count else middle - half), (1.0 if count == total else middle + half)


# -- the page ----------------------------------------------------------------------------------------

_DEVELOPMENT = """\
These are *development* cases: `dev.jsonl` was open to us while the verifier was written and its failures were mended
one by one, so our own figures say what was mended, not what to expect of new data. Some of the cases are other
graders' own tests (`Math-Verify-0.9.0` is math-verify's). Nothing here was measured on held-back cases."""

_RATES = """\
A false positive is a pair labelled different that is credited (rate: of the pairs labelled different), a false
negative one labelled equal that is not credited (of the pairs labelled equal). Undecided: no verdict (ours:
`unscored`; theirs: raised, died or was killed); it counts as wrong for either label, and as a false negative where
the pair is equal. In brackets Wilson's 95 % interval; it takes the rows for independent, which many are not."""

_PROTOCOL = """\
- Labels as in the case file, ours to dispute but not to change; row numbers count from 0. A row's own `opts` (a
  peer's test settings) are ignored: every grader runs with its defaults.
- Ours: default configuration; `answer` rows in a box, `response` rows as they are, `text` rows in mode `any`, their
  golds unwrapped by the same extraction."""


@dataclass(frozen=True)
class Page:
    """The report. titles: graders by name, in the order of the columns; ours first."""

    cases: list[Case]
    titles: dict[str, str]
    about: list[str]
    missing: list[str]

    def render(self) -> str:
        core = [case for case in self.cases if case.tier == "core"]
        extracted = [case for case in core if case.kind != "text"]
        prose = [case for case in core if case.kind == "text"]
        policy = [case for case in self.cases if case.tier == "policy"]
        return "\n".join(
            [
                *self._head(),
                *self._summary(extracted, prose, policy),
                "## By answer type",
                "",
                "Core rows of kinds `answer` and `response`. The type is what our own recogniser calls the gold.",
                "",
                *self._table("type", extracted, lambda case: case.type),
                "## By source",
                "",
                "The same rows, by who published the pair.",
                "",
                *self._table("source", extracted, lambda case: case.source),
                "## Prose (`text`), by source",
                "",
                *self._table("source", prose, lambda case: case.source),
                "## What we get wrong",
                "",
                *self._wrong("Core, `answer` and `response`", extracted),
                *self._wrong("Core, `text`", prose),
                *self._wrong("Policy: rows whose label depends on a convention", policy),
                *self._exchange(core),
                *self._method(),
            ]
        )

    def _head(self) -> list[str]:
        lines = ["# Accuracy", "", "Generated by `make accuracy`; do not edit.", ""]
        lines += [f"- {line}" for line in self.about]
        lines += [f"- **Not run:** {line}" for line in self.missing]
        return [
            *lines,
            "",
            *_DEVELOPMENT.splitlines(),
            "",
        ]

    def _summary(self, extracted: list[Case], prose: list[Case], policy: list[Case]) -> list[str]:
        by_pair = {(case.question.gold, case.verdict.answer): case for case in reversed(extracted)}
        parts = {
            "core: `answer` + `response`": extracted,
            "... each pair of gold and extracted answer once": list(by_pair.values()),
            "... `answer` (bare on both sides)": [case for case in extracted if case.kind == "answer"],
            "... `response` (a full response)": [case for case in extracted if case.kind == "response"],
            "core: `text` (prose on both sides)": prose,
            "policy (all kinds)": policy,
        }
        head = "| rows | grader | right | wrong | false positives | false negatives | undecided |"
        lines = ["## Summary", "", head, "|---|---|---|---|---|---|---|"]
        for name, cases in parts.items():
            first = f"{name}: {sum(c.equal for c in cases)} equal, {sum(not c.equal for c in cases)} different"
            for grader, title in self.titles.items():
                counts = score(cases, grader)
                lines.append(
                    f"| {first} | {title} | {counts.accuracy:.2%} | {counts.wrong} |"
                    f" {_with_interval(counts.false_positives, counts.different)} |"
                    f" {_with_interval(counts.false_negatives, counts.equal)} | {counts.undecided} |"
                )
                first = ""
        return [
            *lines,
            "",
            *_RATES.splitlines(),
            "",
        ]

    def _table(self, head: str, cases: list[Case], key: Callable[[Case], str]) -> list[str]:
        titles = [f"{title} {rate}" for title in self.titles.values() for rate in ("FP", "FN")]
        lines = [f"| {head} | equal / different | {' | '.join(titles)} |", "|---|---|" + "---|" * len(titles)]
        sizes = Counter(key(case) for case in cases)
        for name, _ in sorted(sizes.items(), key=lambda pair: (-pair[1], pair[0])):
            part = [case for case in cases if key(case) == name]
            cells = []
            for grader in self.titles:
                counts = score(part, grader)
                cells += [
                    _cell(counts.false_positives, counts.different),
                    _cell(counts.false_negatives, counts.equal),
                ]
            lines.append(f"| {name} | {counts.equal} / {counts.different} | {' | '.join(cells)} |")
        return [*lines, ""]

    def _wrong(self, title: str, cases: list[Case]) -> list[str]:
        wrong = [case for case in cases if case.opinions[OURS].credited is not case.equal]
        lines = [f"### {title}: {len(wrong)} of {len(cases)}", ""]
        if not wrong:
            return [*lines, "None.", ""]
        reasons = _disputes()
        lines += ["| row | source | type of the gold | label | our verdict | disputed |", "|---|---|---|---|---|---|"]
        for case in wrong:
            label = "equal" if case.equal else "different"
            dispute = reasons.get((case.row, _sha256(case.question.gold)), "")
            verdict = f"{case.verdict.status}, {case.verdict.reason}"
            lines.append(f"| {case.row} | {case.source} | {case.type} | {label} | {verdict} | {dispute} |")
        return [*lines, ""]

    def _exchange(self, core: list[Case]) -> list[str]:
        """What each side gets right that the other gets wrong."""
        lines = ["## Who is right where we disagree", "", "Core rows, prose included.", ""]
        lines += ["| grader | only we are right | only it is right | both wrong |", "|---|---|---|---|"]
        for grader, title in self.titles.items():
            if grader == OURS:
                continue
            pair = (OURS, grader)
            right = Counter(tuple(case.opinions[name].credited is case.equal for name in pair) for case in core)
            lines.append(f"| {title} | {right[True, False]} | {right[False, True]} | {right[False, False]} |")
        return [*lines, ""]

    def _method(self) -> list[str]:
        lines = [
            "## How it was measured",
            "",
            *_PROTOCOL.splitlines(),
        ]
        lines += [f"- {peer.title}: {peer.how}." for peer in PEERS if peer.name in self.titles]
        lines += [
            f"- Each peer runs in a process of its own, killed after {HARD_LIMIT_S:.0f} s of wall clock on one row."
            " Its own timeouts are in force as well:",
        ]
        for grader, title in self.titles.items():
            if grader != OURS:
                opinions = [case.opinions[grader] for case in self.cases]
                faults = Counter(opinion.fault for opinion in opinions if opinion.fault)
                told = ", ".join(f"{count} {fault}" for fault, count in sorted(faults.items()))
                told = told or "a verdict on every row"
                slow = sum(opinion.seconds > SLOW_S for opinion in opinions)
                lines.append(f"  - {title}: {told}; {slow} rows took longer than {SLOW_S:.0f} s.")
        return [*lines, ""]


def _with_interval(count: int, total: int) -> str:
    low, high = interval(count, total)
    return f"{count} = {count / max(1, total):.1%} ({low:.1%} to {high:.1%})"


def _cell(count: int, total: int) -> str:
    return "-" if not total else "0" if not count else f"{count} ({count / total:.0%})"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _disputes() -> dict[tuple[int, str], str]:
    if not DISPUTED.is_file():
        return {}
    entries = [json.loads(line) for line in DISPUTED.read_text(encoding="utf-8").splitlines()]
    return {(entry["row"], entry["gold_sha256"]): f"label disputed: {entry['reason']}" for entry in entries}


# -- the run -----------------------------------------------------------------------------------------


def ask_peers(cases: list[Case], again: bool) -> tuple[dict[str, str], list[str], list[str]]:
    """Fill in the peers' opinions; (titles of those asked, their versions, complaints about the others)."""
    titles, versions, missing = {}, [], []
    for peer in PEERS:
        try:
            panel = Panel(peer, again)
            _say(f"{peer.title}: asking what is not remembered")
            opinions = panel.ask(
                (case.question for case in cases),
                lambda number, peer=peer: _say(f"{peer.title}: row {number} of {len(cases)}"),  # type: ignore[misc]
            )
        except PeerError as error:
            missing.append(str(error))
            _say(str(error))
            continue
        for case, opinion in zip(cases, opinions, strict=True):
            case.opinions[peer.name] = opinion
        titles[peer.name] = peer.title
        own = [package.replace("==", " ") for package in peer.packages if not package.startswith(peer.distribution)]
        versions.append(f"{peer.distribution} {panel.version}" + (f" (with {', '.join(own)})" if own else ""))
    return titles, versions, missing


def about(versions: list[str]) -> list[str]:
    """Date, machine and versions."""
    return [
        f"{date.today().isoformat()}; {os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python"
        f" {platform.python_version()}; sympy {version('sympy')}, {', '.join(versions) or 'no peers'}.",
        f"Ours: grammar version {GRAMMAR_VERSION}, fingerprints {BOXED.fingerprint()} (boxed) and"
        f" {ANY.fingerprint()} (any).",
    ]


def _say(message: str) -> None:
    print(f"accuracy: {message}", file=sys.stderr, flush=True)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--again", action="store_true", help="ask the peers anew instead of using what is remembered")
    parser.add_argument("--write", metavar="PATH", type=Path, default=OUTPUT, help="default: docs/accuracy.md")
    args = parser.parse_args(argv)
    if not workload.DEV_CASES.is_file():
        print(f"skipped: {workload.DEV_CASES} is absent, and {args.write} stays as it is", file=sys.stderr)
        return 0
    _say("our own verdicts")
    cases = [judge(number, row) for number, row in enumerate(workload.read_dev())]
    titles, versions, missing = ask_peers(cases, args.again)
    page = Page(cases, {OURS: "ours", **titles}, about(versions), missing)
    args.write.parent.mkdir(parents=True, exist_ok=True)
    args.write.write_text(page.render(), encoding="utf-8")
    for grader, title in page.titles.items():
        core = score([case for case in cases if case.tier == "core" and case.kind != "text"], grader)
        print(
            f"{title:28} {core.accuracy:.2%} right, {core.false_positives} false positives,"
            f" {core.false_negatives} false negatives, {core.undecided} undecided of {core.equal + core.different}"
        )
    print(f"written: {args.write}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
