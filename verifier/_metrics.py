"""Counters of the reward server as Prometheus text (exposition format 0.0.4); no dependency.

Promises: label values are escaped; a scrape never changes a number. Not thread-safe: the event loop alone counts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)


class Metrics:
    """What the server did. gauges are given by the caller at each scrape."""

    def __init__(self) -> None:
        self.requests: dict[tuple[str, int], int] = defaultdict(int)  # route, status
        self.pairs: dict[tuple[str, str], int] = defaultdict(int)  # route, outcome
        self.unscored: dict[str, int] = defaultdict(int)  # reason
        self._buckets: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = defaultdict(float)

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        self.requests[route, status] += 1
        buckets = self._buckets.setdefault(route, [0] * (len(BUCKETS_S) + 1))
        buckets[bisect_left(BUCKETS_S, seconds)] += 1
        self._seconds[route] += seconds

    def summary(self) -> str:
        """One line for a person."""
        unscored = sum(self.unscored.values())
        why = ", ".join(f"{reason} {number:,}" for reason, number in sorted(self.unscored.items()))
        requests, pairs = sum(self.requests.values()), sum(self.pairs.values())
        return f"{requests:,} requests, {pairs:,} pairs, {unscored:,} unscored{f' ({why})' if why else ''}"

    def text(self, gauges: dict[str, tuple[str, float]], info: dict[str, str]) -> str:
        """All of it. gauges: name -> (help, value); info: labels of ``verifier_info``."""
        lines = _head("verifier_info", "gauge", "Version, reward and settings of this server.")
        lines.append(_line("verifier_info", info, 1))
        lines += _head("verifier_requests_total", "counter", "Requests answered, by route and HTTP status.")
        lines += [
            _line("verifier_requests_total", {"route": r, "status": str(s)}, n) for (r, s), n in self.requests.items()
        ]
        lines += _head("verifier_pairs_total", "counter", "Pairs answered, by route and outcome.")
        lines += [_line("verifier_pairs_total", {"route": r, "outcome": o}, n) for (r, o), n in self.pairs.items()]
        lines += _head("verifier_unscored_total", "counter", "Pairs without a judgement, by reason.")
        lines += [_line("verifier_unscored_total", {"reason": r}, n) for r, n in self.unscored.items()]
        lines += _head("verifier_request_seconds", "histogram", "From a request's first byte to its answer.")
        for route, buckets in self._buckets.items():
            total = 0
            for bound, count in zip([*map(str, BUCKETS_S), "+Inf"], buckets, strict=True):
                total += count
                lines.append(_line("verifier_request_seconds_bucket", {"route": route, "le": bound}, total))
            lines.append(_line("verifier_request_seconds_sum", {"route": route}, self._seconds[route]))
            lines.append(_line("verifier_request_seconds_count", {"route": route}, total))
        for name, (text, value) in gauges.items():
            lines += [*_head(name, "gauge", text), _line(name, {}, value)]
        return "\n".join(lines) + "\n"


def _head(name: str, kind: str, text: str) -> list[str]:
    return [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]


def _line(name: str, labels: dict[str, str], value: float) -> str:
    r"""One sample.

    >>> _line("x_total", {"reason": 'a"b\n'}, 3)
    'x_total{reason="a\\"b\\n"} 3'
    """
    escaped = {k: v.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") for k, v in labels.items()}
    inside = ",".join(f'{key}="{text}"' for key, text in escaped.items())
    return f"{name}{{{inside}}} {value:.10g}" if inside else f"{name} {value:.10g}"
