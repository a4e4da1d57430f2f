"""JSON Schemas of the API's answers, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from engine.delivery.status import Status
from engine.jobs.jobs import JobState

TEXT, NUMBER = {"type": "string"}, {"type": "integer"}
MAYBE_TEXT, MAYBE_NUMBER = {"type": ["string", "null"]}, {"type": ["integer", "null"]}
TIME = {"type": "integer", "description": "Epoch milliseconds, UTC."}
MAYBE_TIME = {"type": ["integer", "null"], "description": "Epoch milliseconds, UTC."}


def _object(properties: dict[str, Any], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "type": "object",
        "required": [name for name in properties if name not in optional],
        "properties": properties,
    }


def _list(items: dict[str, Any], description: str = "") -> dict[str, Any]:
    return {"type": "array", "items": items} | ({"description": description} if description else {})


def component(name: str) -> str:
    """Return the name of one of our schemas; its dot keeps it apart from the names of record types."""
    return f"antar.{name}"


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{component(name)}"}


ERROR = _object(
    {"error": _object({"code": TEXT, "message": TEXT, "where": TEXT}, optional=("where",))},
)
RESULT = _object(
    {
        "results": _list(
            _object(
                {
                    "index": NUMBER,
                    "key": MAYBE_TEXT,
                    "id": {"type": "integer", "description": "Number of the delivery."},
                    "status": {"enum": ["accepted", "changed", "unchanged", "refused"]},
                    "problems": _list(_object({"path": TEXT, "message": TEXT})),
                    "warnings": _list(TEXT, "Codes that no list has, and what looks wrong; it is sent nevertheless."),
                },
                optional=("id", "problems", "warnings"),
            ),
            "One for each record, in order.",
        ),
        **dict.fromkeys(("accepted", "changed", "unchanged", "refused"), NUMBER),
    }
)
_PROBLEMS = _list(_object({"path": TEXT, "message": TEXT}))
CHECK_RESULT = _object(
    {
        "results": _list(
            _object(
                {
                    "index": NUMBER,
                    "key": MAYBE_TEXT,
                    "status": {
                        "enum": ["valid", "unsendable", "refused"],
                        "description": "unsendable: its payload would fail the check before sending.",
                    },
                    "problems": {**_PROBLEMS, "description": "Paths of the record, or of the payload if unsendable."},
                    "warnings": _list(TEXT),
                    "waits_for": _list(
                        _object({"specs": _list(TEXT), "key": TEXT}),
                        "Needed and not sent yet; any type will do.",
                    ),
                },
                optional=("problems", "warnings", "waits_for"),
            ),
            "One for each record, in order.",
        ),
        **dict.fromkeys(("valid", "unsendable", "refused"), NUMBER),
    }
)
_DELIVERY: dict[str, Any] = {
    "id": NUMBER,
    "spec": TEXT,
    "key": TEXT,
    "date": {"type": "string", "format": "date"},
    "status": {"enum": list(Status)},
    "reference": {**MAYBE_TEXT, "description": "The upstream's id for it."},
    "version": {**NUMBER, "description": "Counts the contents handed in."},
    "sent_version": MAYBE_NUMBER,
    "tries": {**NUMBER, "description": "Attempts made for it so far, as the delivery lists them."},
    "due_at": MAYBE_TIME,
    "http_status": MAYBE_NUMBER,
    "code": MAYBE_TEXT,
    "problem": {**MAYBE_TEXT, "description": "Why it is not sent."},
    "paused": {
        "oneOf": [_object({"id": NUMBER, "reason": TEXT, "ends_at": MAYBE_TIME}), {"type": "null"}],
        "description": "The pause that keeps it from being sent, as /api/v1/pauses lists it; null without one.",
    },
    "created_at": TIME,
    "changed_at": TIME,
    "settled_at": MAYBE_TIME,
    "sent_at": MAYBE_TIME,
    "withdrawn_at": {**MAYBE_NUMBER, "description": "Since when its record is withdrawn; epoch milliseconds, UTC."},
}
_BODIES = ("method", "path", "request", "response")
ATTEMPT = _object(
    {
        "at": TIME,
        "milliseconds": NUMBER,
        "operation": TEXT,
        "trigger": TEXT,
        "spec_hash": TEXT,
        "version": NUMBER,
        "http_status": MAYBE_NUMBER,
        "code": MAYBE_TEXT,
        "verdict": TEXT,
        "message": TEXT,
        **dict.fromkeys(_BODIES, MAYBE_TEXT),
    },
    optional=_BODIES,
)
ALTERNATIVE = {"type": "boolean", "description": "One of several types of this key, of which any will do."}
NEED = _object(
    {"spec": TEXT, "key": TEXT, "id": MAYBE_NUMBER, "status": MAYBE_TEXT, "alternative": ALTERNATIVE},
)
SCHEMAS: dict[str, dict[str, Any]] = {
    "Error": ERROR,
    "HandInResult": RESULT,
    "CheckResult": CHECK_RESULT,
    "Attempt": ATTEMPT,
    "Need": NEED,
    "Delivery": _object(_DELIVERY),
    "DeliveryDetail": _object({**_DELIVERY, "waits_for": _list(_ref("Need")), "attempts": _list(_ref("Attempt"))}),
    "DeliveryPage": _object({"deliveries": _list(_ref("Delivery")), "next": MAYBE_TEXT}),
    "Resent": _object({"id": NUMBER, "status": {"enum": list(Status)}, "outcome": {"enum": ["done", "already"]}}),
    "Withdrawn": _object(
        {
            "id": NUMBER,
            "outcome": {"enum": ["done", "already"]},
            "dependents": _list(NUMBER, "The deliveries that were withdrawn along."),
        }
    ),
    "Failures": _object({"failures": _list(_ref("FailureGroup"), "Those that hold most first.")}),
    "FailureGroup": _object(
        {
            "upstream": TEXT,
            "kind": TEXT,
            **dict.fromkeys(("title", "remedy", "who"), MAYBE_TEXT),
            "n": {**NUMBER, "description": "Failed deliveries."},
            "behind": {**NUMBER, "description": "Deliveries that wait for them."},
            "more": {"type": "boolean", "description": "More wait than were counted."},
            "parts": _list(_object({"spec": TEXT, "cause": TEXT, "n": NUMBER})),
        }
    ),
    "Job": _object(
        {
            "id": NUMBER,
            "upstream": TEXT,
            "action": TEXT,
            "state": {"enum": [*JobState, "discarded"]},
            "reason": TEXT,
            "total": {**NUMBER, "description": "Deliveries of the job, fixed when it was drafted."},
            "done": NUMBER,
            "skipped": NUMBER,
            "created_at": TIME,
            "ended_at": MAYBE_TIME,
        }
    ),
    "Pauses": _object({"pauses": _list(_ref("Pause"))}),
    "Pause": _object(
        {
            "id": NUMBER,
            "upstream": TEXT,
            "spec": {**MAYBE_TEXT, "description": "The type; null: the whole upstream."},
            "path": {**MAYBE_TEXT, "description": "Method and path for which the type is paused."},
            "reason": TEXT,
            "by": TEXT,
            "all_facilities": {"type": "boolean", "description": "It is of all clinics; a key cannot end it."},
            "current": {"type": "boolean", "description": "In force; otherwise it is planned."},
            "begins_at": TIME,
            "ends_at": MAYBE_TIME,
            "weekly": {"type": "boolean", "description": "Its end plans the same a week later."},
        }
    ),
    "PauseEnded": _object({"id": NUMBER, "ended": {"type": "boolean"}}),
    "InboundPage": _object({"requests": _list(_ref("InboundRequest")), "next": NUMBER}),
    "InboundRequest": _object(
        {
            "id": NUMBER,
            "inbound": TEXT,
            "operation": {"enum": ["take", "cancel", "patient"]},
            "at": TIME,
            "content": {"type": "object", "description": "The fields of the request that are known."},
            "answer": {"type": "object", "description": "What the caller was told."},
            "code": NUMBER,
            "taken_at": MAYBE_TIME,
        }
    ),
    "InboundTaken": _object({"id": NUMBER, "taken": {"type": "boolean"}}),
    "InboundCalled": _object({"number": NUMBER, "called": {"type": "boolean"}}),
    "ExpectedDayReceived": _object(
        {
            "date": TEXT,
            "counts": {
                "type": "object",
                "additionalProperties": _object({"expected": NUMBER, "received": NUMBER}),
                "description": "Type -> the number that was said, and the number of records that came.",
            },
        }
    ),
    "RefusedPage": _object({"refused": _list(_ref("RefusedRecord")), "next": MAYBE_TEXT}),
    "RefusedRecord": _object(
        {
            "spec": TEXT,
            "key": {**MAYBE_TEXT, "description": "null: of records without a readable key."},
            "problem": TEXT,
            "times": {**NUMBER, "description": "How often in a row it was refused."},
            "first_at": TIME,
            "at": TIME,
        }
    ),
}
RESPONSES = {  # operation -> (status, schema, statuses of its errors)
    "list_deliveries": ("200", "DeliveryPage", ("400", "401", "503")),
    "read_delivery": ("200", "DeliveryDetail", ("400", "401", "404", "503")),
    "resend_delivery": ("202", "Resent", ("400", "401", "404", "409", "422", "503")),
    "withdraw_delivery": ("202", "Withdrawn", ("400", "401", "404", "409", "503")),
    "list_failures": ("200", "Failures", ("400", "401", "503")),
    "draft_job": ("201", "Job", ("400", "401", "404", "422", "503")),
    "read_job": ("200", "Job", ("400", "401", "404", "503")),
    "move_job": ("200", "Job", ("400", "401", "404", "409", "422", "503")),
    "list_pauses": ("200", "Pauses", ("400", "401", "503")),
    "begin_pause": ("201", "Pauses", ("400", "401", "404", "409", "422", "503")),
    "end_pause": ("200", "PauseEnded", ("400", "401", "404", "503")),
    "list_inbound": ("200", "InboundPage", ("400", "401", "503")),
    "take_inbound": ("200", "InboundTaken", ("400", "401", "404", "503")),
    "expect_records": ("200", "ExpectedDayReceived", ("400", "401", "404", "503")),
    "list_refused": ("200", "RefusedPage", ("400", "401", "503")),
    "call_inbound": ("200", "InboundCalled", ("400", "401", "404", "503")),
}
ERRORS = {
    "400": "Something cannot be read; `where` names the parameter, the message the place.",
    "401": "No valid API key.",
    "404": "Not there, or not this facility's.",
    "408": "The body arrived too slowly.",
    "409": "Its present state does not allow it, or its type cannot be withdrawn.",
    "413": "Beyond a limit, which the message names.",
    "422": "A reason is missing, more deliveries are selected than the limit allows, or a pause would end too early.",
    "503": "The database does not answer; try again.",
}


def answers(status: str, description: str, *schemas: str) -> dict[str, Any]:
    """Return one entry of an operation's responses; several schemas: one of them."""
    references = [_ref(name) for name in schemas]
    schema = references[0] if len(references) == 1 else {"oneOf": references}
    return {status: {"description": description, "content": {"application/json": {"schema": schema}}}}
