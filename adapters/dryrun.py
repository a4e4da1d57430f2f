"""An upstream that accepts everything and sends nothing."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from typing import Any

import orjson

from adapters.base import Account, Call, Probe, Problem, Reply, Verdict
from adapters.messages import message


class DryRun:
    """Answers like a FHIR server that has stored everything; the same content gets the same reference."""

    async def send(self, call: Call, account: Account) -> Reply:
        content = {"id": reference(call), "total": 0, "entry": []}
        return Reply(
            Verdict.ACCEPTED,
            message=message("dry_run.sent"),
            body=orjson.dumps(content),
            content=content,
            media="application/json",
            sent=False,
        )

    def check(self, payload: Any) -> Sequence[Problem]:
        return ()

    async def probe(self, account: Account) -> Probe:
        return Probe(ok=True, message=message("dry_run.probe"), seconds=0.0)

    async def close(self) -> None:
        """Do nothing: no connection is open."""


def reference(call: Call) -> str:
    """Return a UUID made from the hash of the call."""
    content = b"\0".join([call.method.encode(), call.path.encode(), call.body or b""])
    return str(uuid.UUID(bytes=hashlib.sha256(content).digest()[:16]))
