"""Whether the reward server of ``--reward-url`` can be one, and pays what the cell pays; asked before anything starts.

Promises: a URL that cannot work is an error; so is a `verifier serve` that answers and pays another reward. A server
that does not answer yet, or is none of ours, is a warning. Does not: post a response to it.
"""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from verifier.rewards import reward_from

from .cells import Cell
from .findings import Finding, error, warning

TIMEOUT_S = 5.0
EXAMPLE = "http://HOST:8077/get_reward"


def url_findings(url: str) -> Iterator[Finding]:
    """What keeps OpenRLHF from posting there; it takes several URLs with commas between."""
    for one in url.split(","):
        try:
            parts = urlsplit(one)
            wrong = not parts.hostname or parts.port == 0
        except ValueError:  # a port that is no number, or too high
            wrong = True
        if wrong or parts.scheme not in ("http", "https") or any(sign.isspace() for sign in one):
            yield error(f"--reward-url {_public(one)}: write {EXAMPLE}")
        elif parts.path in ("", "/"):
            yield error(f"--reward-url {_public(one)}: it has no path, where no reward is served; write {EXAMPLE}")


def server_findings(cell: Cell, url: str) -> Iterator[Finding]:
    """What the servers say of themselves, against the cell's reward."""
    wanted = reward_from(dict(cell.reward)).describe()
    for one in url.split(","):
        metrics, shown = one.rpartition("/")[0] + "/metrics", _public(one)
        try:
            with urllib.request.urlopen(metrics, timeout=TIMEOUT_S) as answer:
                paid = _reward(answer.read().decode("utf-8", "replace"))
        except (OSError, ValueError) as failed:
            why = getattr(failed, "reason", failed)
            yield warning(
                f"{shown} does not answer ({why}): start it before the training does, with `verifier serve --reward "
                "FILE`; whether it pays the cell's reward is not known"
            )
            continue
        if paid is None:
            yield warning(f"{shown} does not tell its reward; whether it is the cell's is not known")
        elif paid != wanted:
            yield error(
                f"{shown} pays {json.dumps(paid)}, {cell.reward_name} is {json.dumps(wanted)}: start it with `verifier "
                "serve --reward RUN_FOLDER/reward.yaml` (launch --write makes that file)"
            )


def _public(url: str) -> str:
    """Without a token or a password."""
    return re.sub(r"/token/[^/]+|//[^/@]*@", lambda m: "/token/..." if m[0].startswith("/token") else "//...@", url)


def _reward(text: str) -> Any:
    """The reward that the metrics of `verifier serve` name; None where they name none."""
    found = re.search(r'^verifier_info\{.*?\breward="((?:[^"\\]|\\.)*)"', text, re.MULTILINE)
    if found is None:
        return None
    try:
        return json.loads(re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], found[1]))
    except ValueError:
        return None
