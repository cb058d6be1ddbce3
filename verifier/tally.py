"""Counts over verdicts, and their table for a person.

Promises: ``accuracy`` leaves unscored rows out and says so; an unscored share above 1 % is flagged.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from .verdict import Reason, Status

UNSCORED_FLAG = 0.01  # a larger share makes accuracies hard to compare


@dataclass(slots=True)
class RewardTally:
    """Counts of the rewards of a run; sums of multiples of 1/1024 are exact, so order does not matter.

    becomes: what training makes of the unscored ones.
    """

    kind: str
    fingerprint: str
    becomes: Any
    scored: int = 0
    unscored: int = 0
    total: float = 0.0

    def add(self, value: float | None) -> None:
        """Count one readable row."""
        if value is None:
            self.unscored += 1
        else:
            self.scored += 1
            self.total += float(value)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; ``mean`` leaves unscored rows out."""
        return asdict(self) | {"mean": self.total / self.scored if self.scored else None}

    def line(self) -> str:
        """One line for a person."""
        mean = f"mean {self.total / self.scored:.4f} over {self.scored:,} rows" if self.scored else "no row is scored"
        fate = f"training pays {self.becomes['reward']:g}" if isinstance(self.becomes, dict) else str(self.becomes)
        return f"reward {self.kind}: {mean}" + (f"; {self.unscored:,} unscored ({fate})" if self.unscored else "")


@dataclass(slots=True)
class Tally:
    """Counts of a run. ``unreadable`` rows have no verdict and are in no other count."""

    rows: int = 0
    unreadable: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    reward: RewardTally | None = None

    def add(self, verdict: dict[str, Any], reward: float | None = None) -> None:
        """Count one verdict object of an output record, and the row's reward where rewards are paid."""
        self.rows += 1
        if "error" in verdict:
            self.unreadable += 1
            return
        self.statuses[verdict["status"]] += 1
        self.reasons[verdict["status"], verdict["reason"]] += 1
        if self.reward is not None:
            self.reward.add(reward)

    @property
    def scored(self) -> int:
        """Rows that were read, so have a verdict, be it ``unscored``."""
        return self.rows - self.unreadable

    @property
    def unscored_share(self) -> float:
        """Of the rows with a verdict, 0 to 1."""
        return self.statuses[Status.UNSCORED.value] / self.scored if self.scored else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain values. ``accuracy`` leaves unscored rows out; None where nothing was judged."""
        judged = self.scored - self.statuses[Status.UNSCORED.value]
        correct = self.statuses[Status.CORRECT.value]
        statuses = {status.value: self.statuses[status.value] for status in Status}
        reasons: dict[str, dict[str, int]] = {status: {} for status in statuses}
        for (status, reason), count in sorted(self.reasons.items(), key=lambda item: (-item[1], item[0])):
            reasons[status][reason] = count
        return {
            "rows": self.rows,
            "unreadable": self.unreadable,
            "status": statuses,
            "reason": reasons,
            "accuracy": correct / judged if judged else None,
            "unscored_share": self.unscored_share,
            **({} if self.reward is None else {"reward": self.reward.to_dict()}),
        }

    @classmethod
    def from_dict(cls, summary: dict[str, Any]) -> Tally:
        """The inverse of :meth:`to_dict`."""
        reasons = {(s, r): n for s, counts in summary["reason"].items() for r, n in counts.items()}
        tally = cls(summary["rows"], summary["unreadable"], Counter(summary["status"]), Counter(reasons))
        if "reward" in summary:
            tally.reward = RewardTally(**{name: value for name, value in summary["reward"].items() if name != "mean"})
        return tally

    def lines(self) -> list[str]:
        """A small table: each status, its reasons, accuracy, and what must not be overlooked."""
        out = [f"{self.rows:,} rows" + (f", {self.unreadable:,} of them unreadable" if self.unreadable else "")]
        for status in Status:
            count = self.statuses[status.value]
            out.append(f"  {status.value:<22}{count:>10,}  {_percent(count, self.scored)}")
            if status is not Status.CORRECT:
                rows = [(n, r) for (s, r), n in self.reasons.items() if s == status.value]
                for number, reason in sorted(rows, key=lambda row: (-row[0], row[1])):
                    fault = f"  ({Reason(reason).fault})" if status is Status.UNSCORED else ""
                    out.append(f"    {reason:<20}{number:>10,}  {_percent(number, self.scored)}{fault}")
        unscored = self.statuses[Status.UNSCORED.value]
        judged = self.scored - unscored
        if judged:
            accuracy = _percent(self.statuses[Status.CORRECT.value], judged).strip()
            out.append(f"accuracy {accuracy} of the {judged:,} rows that were judged")
        if self.reward is not None:
            out.append(self.reward.line())
        if self.unscored_share > UNSCORED_FLAG:
            share = _percent(unscored, self.scored).strip()
            out.append(f"WARNING: {share} of the rows are unscored, above 1 %: mind that before comparing accuracies")
        return out


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:6.2f} %" if whole else "     - %"
