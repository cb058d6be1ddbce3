"""What an audit found: for a terminal, and as files.

Promises: the files hold ids and sha256 digests, never a text; each is complete or not there at all. What is printed
shows golds, shortened.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..journal import file_sha256, replacing, write_atomic
from ..jsontext import dump_plain
from ..render import shortened, visible
from .reasons import MEANINGS
from .scratch import Scratch, text_of


@dataclass(slots=True)
class AuditReport:
    """summary: plain values for ``summary.json``; the issues stay in the scratch database."""

    summary: dict[str, Any]
    scratch: Scratch

    @property
    def findings(self) -> int:
        """How many issues are findings."""
        return sum(self.summary["findings"].values())

    def issues(self) -> Iterator[dict[str, Any]]:
        """Every issue as a plain object, in the order of the rows; without texts."""
        return self.scratch.issues()

    def write(self, folder: Path) -> None:
        """``issues.jsonl``, then ``summary.json`` with its digest; each complete or not at all."""
        path = folder / "issues.jsonl"
        with replacing(path) as file:
            file.writelines(dump_plain(issue) + "\n" for issue in self.issues())
        summary = self.summary | {"issues_sha256": file_sha256(path)}
        write_atomic(folder / "summary.json", json.dumps(summary, indent=2, ensure_ascii=False) + "\n")

    def lines(self, show: int = 3) -> list[str]:
        """The summary for a terminal, with up to ``show`` rows of each reason."""
        s = self.summary
        out = [f"{s['rows']:,} rows of {len(s['inputs'])} input(s), {s['distinct_golds']:,} distinct golds"]
        prompts = s["prompts"]
        if prompts["without"]:
            out.append(f"  {prompts['without']:,} rows have no prompt: duplicates were not looked for among them")
        for name, groups in prompts["duplicates"].items():
            out.append(
                f"  prompts, {name}: {prompts['distinct'][name]:,} distinct; {groups['groups']:,} repeated, "
                f"{groups['golds_differ_as_text']:,} of them with golds that differ as text, "
                f"{groups['conflicting_golds']:,} by value"
            )
        symmetry = s["symmetry"]
        out.append(
            f"  {symmetry['pairs']:,} pairs of spellings compared both ways, {symmetry['asymmetric']:,} asymmetric"
        )
        for title in ("findings", "notes"):
            out.append(f"{title}: {sum(s[title].values()):,}")
            for reason, count in s[title].items():
                out.append(f"  {reason:<32}{count:>8,}  {MEANINGS[reason]}")
                out += [f"      {line}" for line in self._examples(reason, show)]
        return out

    def _examples(self, reason: str, show: int) -> Iterator[str]:
        for file, at, text in self.scratch.ask(
            "SELECT i.file, i.at, g.text FROM issue i JOIN row r ON r.file = i.file AND r.at = i.at "
            "LEFT JOIN gold g ON g.id = r.gold WHERE i.reason = ? ORDER BY i.file, i.at LIMIT ?", reason, show
        ):  # fmt: skip
            yield f"{visible(self.scratch.id(file, at))}  {'' if text is None else shortened(text_of(text), 60)}"
