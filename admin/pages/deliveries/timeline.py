"""The time line of a delivery: handed in, tried, mended, and where it stands now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from admin.pages.deliveries.opened import OpenDelivery
from admin.pages.shared.formatting import moment
from admin.text.words import say

MOST = 40
"""Of a longer story the newest part is told."""
ICONS = {"edit": "pencil", "reveal": "eye", "ignore": "minus"}
_ACTIONS = {"resend", "edit", "ignore", "reveal"}
_TRIGGERS = {"resend", "edit"}


def story(opened: OpenDelivery) -> dict[str, Any]:
    """The events, oldest first, and how many older ones are left out."""
    events = sorted(_events(opened), key=lambda event: event["at"])
    for event in events:
        event["time"] = moment(event["at"], opened.facility)
    return {"events": events[-MOST:], "earlier": max(0, len(events) - MOST)}


def triggered(trigger: str) -> str:
    """What or who made a try happen, in words."""
    kind, _, actor = trigger.partition(": ")
    if actor and kind in _TRIGGERS:
        return say(f"trigger.{kind}", actor=actor)
    return say("trigger.auto") if trigger == "auto" else trigger


def acted(row: Any) -> str:
    """What somebody did, from the audit log, in words."""
    if row.action in _ACTIONS:
        return say(f"story.{row.action}", actor=row.actor)
    return say("story.other", actor=row.actor, action=row.action)


def _events(opened: OpenDelivery) -> Iterator[dict[str, Any]]:
    row, detail = opened.row, opened.detail
    yield {"at": row.created_at, "icon": "inbox", "kind": "", "what": say("delivery.created"), "note": ""}
    if row.changed_at != row.created_at:
        changed = say("story.changed", version=row.version)
        yield {"at": row.changed_at, "icon": "file-diff", "kind": "", "what": changed, "note": ""}
    for each in detail.attempts:
        yield _attempt(opened, each)
    for each in detail.audit:
        icon = ICONS.get(each.action, "player-play")
        yield {"at": each.at, "icon": icon, "kind": "", "what": acted(each), "note": opened.hide(each.reason)}


def _attempt(opened: OpenDelivery, row: Any) -> dict[str, Any]:
    good = row.verdict == "accepted"
    codes = " ".join(dict.fromkeys(str(code) for code in (row.http_status, row.code) if code))
    return {
        "at": row.at,
        "icon": "check" if good else "x",
        "kind": "good" if good else "bad",
        "what": " ".join(filter(None, (say(f"operation.{row.operation}"), say(f"verdict.{row.verdict}"), codes))),
        "note": "" if good else opened.hide(row.message),
    }
