"""JobResult of a job: its state in words, its deliveries by outcome, and the most frequent reason of failure."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from admin.pages.dashboard.cards import Segment, segments
from admin.pages.shared.explanations import explain
from admin.pages.shared.layout import Layout
from admin.text.words import number, say
from engine.database.rows import JobRow
from engine.delivery.status import Status
from engine.jobs.jobs import Action, JobState
from engine.jobs.queries import MAX_COUNTED, CauseCount, Tally

ICONS = {
    JobState.DRAFT: "pencil",
    JobState.RUNNING: "loader-2",
    JobState.PAUSED: "player-pause",
    JobState.CANCELLED: "ban",
    JobState.DONE: "check",
}
ON_THEIR_WAY = (Status.QUEUED, Status.SENDING)
WAITING = (Status.RETRYING, Status.BLOCKED, Status.UNSURE)
# State that is shown in place of "done" while not all deliveries are settled well -> icon.
AFTERWARDS = {"sending": "loader-2", "waiting": "hourglass", "failed": "alert-triangle", "past": "history"}


@dataclass(frozen=True, slots=True)
class JobResult:
    """JobResult in words; `state` is a JobState or of AFTERWARDS. `words` is empty if nothing was sent (yet)."""

    state: str
    icon: str
    label: str
    words: str = ""
    lost: str = ""  # deliveries whose outcome is no longer that of this job
    cause: str = ""
    segments: tuple[Segment, ...] = ()

    @property
    def poll_seconds(self) -> int:
        """Return the polling interval of the page; 0 if nothing changes by itself any more."""
        return {JobState.RUNNING: 2, "sending": 2, "waiting": 15}.get(self.state, 0)


def result(layout: Layout, job: JobRow, tally: Tally, cause: CauseCount | None = None) -> JobResult:
    """Return the result of a job; `cause` is the most frequent cause of failure."""
    sends = job.action != Action.IGNORE
    state = _state(job, tally) if sends else job.state
    icon = AFTERWARDS.get(state) or ICONS[JobState(state)]
    label = say(f"job.state.{state}")
    acted = job.done - job.skipped
    if not sends or not acted:
        return JobResult(state, icon, label)
    lost = _lost(job, tally)
    return JobResult(
        state,
        icon,
        label,
        _words(job, tally),
        say("job.lost", n=number(lost)) if lost else "",
        _cause(layout, job, cause) if cause else "",
        segments(tally.counts, layout),
    )


def _cause(layout: Layout, job: JobRow, cause: CauseCount) -> str:
    """Return the cause in words; without the type where the job was not of a single one."""
    spec = orjson.loads(job.chosen).get("spec", "")
    return say("job.cause", n=_number(cause.n), cause=explain(cause.cause, layout.upstream, spec).title)


def _state(job: JobRow, tally: Tally) -> str:
    """Return the state to show: a job counts as done only when its deliveries have an outcome."""
    if job.state != JobState.DONE:
        return job.state
    if tally.of(*ON_THEIR_WAY):
        return "sending"
    if tally.of(*WAITING):
        return "waiting"
    if tally.of(Status.FAILED):
        return "failed"
    return "past" if _lost(job, tally) else JobState.DONE


def _lost(job: JobRow, tally: Tally) -> int:
    """Count deliveries that were resent later, so that their outcome is no longer that of this job."""
    return 0 if tally.capped else job.done - job.skipped - sum(tally.counts.values())


def _words(job: JobRow, tally: Tally) -> str:
    failed = "job.result.failed" if job.action == Action.REGENERATE else "job.result.failed.again"
    parts = [
        say("job.result.sent", n=_number(tally.of(Status.SENT))),
        say(failed, n=_number(tally.of(Status.FAILED))),
    ]
    if under_way := tally.of(*ON_THEIR_WAY):
        parts.append(say("job.result.sending", n=_number(under_way)))
    if waiting := tally.of(*WAITING):
        parts.append(say("job.result.waiting", n=_number(waiting)))
    if ignored := tally.of(Status.IGNORED):
        parts.append(say("job.result.ignored", n=_number(ignored)))
    if lost := _lost(job, tally):
        parts.append(say("job.result.lost", n=number(lost)))
    if job.state == JobState.CANCELLED:
        parts.append(say("job.result.cancelled", n=number(job.total - job.done)))
    return ", ".join(parts)


def _number(n: int) -> str:
    return f"{number(n)}+" if n >= MAX_COUNTED else number(n)
