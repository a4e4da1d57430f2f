"""Timeline of a delivery: submitted, attempted, corrected, and its present state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from admin.pages.deliveries.opened import OpenDelivery
from admin.pages.shared.formatting import moment
from admin.pages.shared.values import field_labels, shown_value
from admin.text.words import say, sentence
from engine.queries.deliveries import DetailedAttempt
from engine.value_rules.store import RuleUse

MAX_EVENTS = 40  # of a longer timeline the newest events are shown
ICONS = {
    "edit": "pencil",
    "reveal": "eye",
    "ignore": "minus",
    "withdraw": "arrow-back-up",
    "reinstate": "arrow-forward-up",
}
_CHANGING = {"withdraw", "reinstate"}  # actions that change the record
_ACTIONS = {"resend", *ICONS}
_TRIGGERS = {"resend", "edit", "withdraw", "reinstate", "adopt"}


def timeline(opened: OpenDelivery, uses: Sequence[RuleUse] = ()) -> dict[str, Any]:
    """Return the events, oldest first, and the number of older ones that are left out; `uses` are those of rules."""
    rules = (
        {"at": use.first_at, "icon": "replace", "kind": "", "what": rule_in_words(opened, use), "note": ""}
        for use in uses
    )
    events = sorted([*rules, *_events(opened)], key=lambda event: event["at"])
    for event in events:
        event["time"] = moment(event["at"], opened.facility)
    return {"events": events[-MAX_EVENTS:], "earlier": max(0, len(events) - MAX_EVENTS)}


def rule_in_words(opened: OpenDelivery, use: RuleUse) -> str:
    """Return which value a rule replaced by which, who made the rule and when."""
    made = moment(use.created_at, opened.facility)
    return say(
        "story.rule",
        field=field_labels(opened.entry).get(use.place, use.place),
        old=opened.hide(shown_value(use.old)),
        new=opened.hide(shown_value(use.new)),
        actor=use.actor,
        day=made.day if made else "",
    )


def describe_trigger(trigger: str) -> str:
    """Return in words what or who triggered an attempt."""
    kind, _, actor = trigger.partition(": ")
    if actor and kind in _TRIGGERS:
        return say(f"trigger.{kind}", actor=actor)
    return say("trigger.auto") if trigger == "auto" else trigger


def describe_action(action: str, actor: str) -> str:
    """Return an action of the audit log in words."""
    if action in _ACTIONS:
        return say(f"story.{action}", actor=actor)
    return say("story.other", actor=actor, action=action)


def _events(opened: OpenDelivery) -> Iterator[dict[str, Any]]:
    row, detail = opened.row, opened.detail
    yield {"at": row.created_at, "icon": "inbox", "kind": "", "what": say("delivery.created"), "note": ""}
    if row.trigger.startswith("adopt: "):
        adopted = say("story.adopted", actor=row.trigger.partition(": ")[2])
        yield {"at": row.created_at, "icon": "check", "kind": "good", "what": adopted, "note": ""}
    by_person = {entry.at for entry in detail.audit if entry.action in _CHANGING}
    if row.changed_at not in {row.created_at, *by_person}:
        changed = say("story.changed", version=row.version)
        yield {"at": row.changed_at, "icon": "file-diff", "kind": "", "what": changed, "note": ""}
    if row.withdrawn_at is not None and row.withdrawn_at not in by_person:
        yield {"at": row.withdrawn_at, "icon": "arrow-back-up", "kind": "", "what": say("story.withdrawn"), "note": ""}
    for attempt in detail.attempts:
        yield _attempt(opened, attempt)
    for entry in detail.audit:
        icon = ICONS.get(entry.action, "player-play")
        what, note = describe_action(entry.action, entry.actor), opened.hide(entry.reason)
        yield {"at": entry.at, "icon": icon, "kind": "", "what": what, "note": note}


def _attempt(opened: OpenDelivery, row: DetailedAttempt) -> dict[str, Any]:
    good = row.verdict == "accepted"
    codes = " ".join(dict.fromkeys(str(code) for code in (row.http_status, row.code) if code))
    return {
        "at": row.at,
        "icon": "check" if good else "x",
        "kind": "good" if good else "bad",
        "what": " ".join(filter(None, (say(f"operation.{row.operation}"), say(f"verdict.{row.verdict}"), codes))),
        "note": "" if good else opened.hide(sentence(row.message)),
    }
