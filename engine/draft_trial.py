"""Tries a changed entry on stored records, in a process of its own that has little time and memory and no secrets.

`python -m engine.draft_trial` reads a Trial as JSON from its input and writes a TrialResult to its output.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import orjson

from engine.catalog.catalog import load
from engine.catalog.reading.render import placeholder_context
from engine.errors import AntarError
from engine.settings import ROOT
from engine.source.faults import ConfigFaults
from engine.specs.record_type import Spec
from engine.time_slice import TimeSlice

CPU_SECONDS = 20
WALL_SECONDS = 40
MEMORY_BYTES = 1024 * 1024 * 1024
MAX_RESULT_BYTES = 4 * 1024 * 1024
MAX_EXAMPLES = 5  # deliveries whose payload would change, with both payloads
MAX_PAYLOAD_BYTES = 200_000  # of an example; of a larger payload nothing is shown


class TriedRecord(msgspec.Struct):
    """A stored record: id of its delivery (0: typed in), the record as JSON, and its reference if it has one.

    `payload` is what the present entry makes of it, as JSON; empty: `problem` says why there is none.
    """

    id: int
    record: str
    reference: str | None = None
    payload: str = ""
    problem: str = ""


class Trial(msgspec.Struct):
    """A draft (YAML) of an entry, and the records on which it is tried; the first one is always shown."""

    config: str
    name: str
    draft: str
    facility: Mapping[str, str]
    records: Sequence[TriedRecord]


class Pair(msgspec.Struct):
    """The payload of a record by the present entry and by the draft, as JSON, or why there is none."""

    id: int
    old: str = ""
    new: str = ""
    old_problem: str = ""
    new_problem: str = ""

    @property
    def differs(self) -> bool:
        """Return whether more than the order of names is another."""
        old, new = (orjson.loads(payload or "null") for payload in (self.old, self.new))
        return (old, self.old_problem) != (new, self.new_problem)


class TrialResult(msgspec.Struct):
    """Faults of the draft (then nothing else), the first record, and how many of all would change."""

    faults: Sequence[str] = ()
    first: Pair | None = None
    tried: int = 0
    changed: int = 0
    broken: int = 0  # without a payload by the draft, although they have one now
    examples: Sequence[Pair] = ()
    ended: str = ""  # why the trial was ended: time, memory or size; empty if it was not


async def present_payloads(spec: Spec, records: Sequence[TriedRecord], facility: Mapping[str, str]) -> None:
    """Enter in each record what the present entry makes of it, with placeholders for what it refers to."""
    time_slice = TimeSlice()
    for record in records:
        record.payload, record.problem = _payload(spec, record, facility)
        await time_slice.pause()


async def run_trial(trial: Trial) -> TrialResult:
    """Run a trial in its own process and return its result; `ended` says if it was ended."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "engine.draft_trial"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=ROOT,
        env={"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8"},  # none of the installation's secrets
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(msgspec.json.encode(trial)), WALL_SECONDS)
    except TimeoutError:
        return TrialResult(ended="time")
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0:
        return TrialResult(ended="time" if process.returncode and process.returncode < 0 else "memory")
    return msgspec.json.decode(output, type=TrialResult)


def try_draft(trial: Trial) -> TrialResult:
    """Render all records by the draft, and compare with what the present entry makes of them."""
    try:
        drafted = load(Path(trial.config), draft=trial.draft).specs[trial.name]
    except ConfigFaults as error:
        return TrialResult(faults=[str(fault) for fault in error.faults])
    result, examples = TrialResult(tried=len(trial.records)), list[Pair]()
    for record in trial.records:
        new, new_problem = _payload(drafted, record, trial.facility)
        pair = Pair(record.id, record.payload, new, record.problem, new_problem)
        result.first = result.first or pair
        result.changed += pair.differs
        result.broken += bool(pair.new_problem and not pair.old_problem)
        if pair.differs and record.id and len(examples) < MAX_EXAMPLES:
            examples.append(pair)
    result.examples = examples
    return result


def _payload(spec: Spec, record: TriedRecord, facility: Mapping[str, str]) -> tuple[str, str]:
    """Return the payload as JSON, or why there is none."""
    operation = spec.operation_for(record.reference)
    tree = spec.payload_for(operation)
    if tree is None:
        return "", "no payload: the type is only looked up"
    try:
        scope = placeholder_context(spec, orjson.loads(record.record), facility, operation)
        scope |= {"reference": record.reference} if operation == "update" else {}
        payload = orjson.dumps(tree.render(scope)).decode()
    except AntarError as error:
        return "", str(error)
    if len(payload) > MAX_PAYLOAD_BYTES:
        return "", f"the payload is larger than {MAX_PAYLOAD_BYTES} bytes"
    return payload, ""


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    result = try_draft(msgspec.json.decode(sys.stdin.buffer.read(), type=Trial))
    output = msgspec.json.encode(result)
    if len(output) > MAX_RESULT_BYTES:
        output = msgspec.json.encode(TrialResult(ended="size"))
    sys.stdout.buffer.write(output)


if __name__ == "__main__":
    main()
