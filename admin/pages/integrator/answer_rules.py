"""Answer rules of an entry in words, and what they make of an answer that a person typed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from adapters.base import Call, Reply, Verdict
from adapters.outcome_rules import OutcomeRule
from adapters.verdicts import Judge
from adapters.wire.contract import Response
from admin.text.words import say
from engine.specs.record_type import Operation, Spec

MAX_ANSWER_CHARACTERS = 20_000  # rules search the whole text with patterns


@dataclass(frozen=True, slots=True)
class RuleInWords:
    """An answer rule: its conditions, its verdict in words, and whether the typed answer met it."""

    conditions: tuple[tuple[str, str], ...]
    verdict: str
    is_own: bool  # of the entry; it is asked before those of the upstream
    is_met: bool = False


@dataclass(frozen=True, slots=True)
class JudgedAnswer:
    """Verdict on a typed answer, and the rule that gave it; None: no rule, the status alone."""

    reply: Reply
    rule: OutcomeRule | None

    @property
    def verdict(self) -> str:
        return say(f"verdict.{self.reply.verdict}")

    @property
    def good(self) -> bool:
        return self.reply.verdict is Verdict.ACCEPTED


def judge(spec: Spec, operation: Operation, status: int, body: str) -> JudgedAnswer:
    """Return what the rules of an entry make of an answer to its create or update."""
    call = Call(method_of(spec, operation), "/", outcomes=spec.outcomes)
    media = b"text/html" if body.lstrip().startswith("<") else b"application/json"
    response = Response(status, {b"content-type": media}, body.encode())
    return JudgedAnswer(*Judge(spec.upstream.profile).judge(call, response, 0.0, 0.0))


def method_of(spec: Spec, operation: Operation) -> str:
    """Return the HTTP method of an operation."""
    request = spec.update if operation == "update" and spec.update is not None else spec.endpoint
    return request.method if request is not None else "GET"


def rules_in_words(spec: Spec, met: OutcomeRule | None = None) -> list[RuleInWords]:
    """Return the rules in the order in which they are asked."""
    own = [(rule, True) for rule in spec.outcomes]
    return [
        RuleInWords(tuple(_conditions(rule)), say(f"verdict.{rule.verdict}"), is_own, rule is met)
        for rule, is_own in (*own, *((rule, False) for rule in spec.upstream.profile.outcomes))
    ]


def _conditions(rule: OutcomeRule) -> Iterator[tuple[str, str]]:
    if rule.statuses:
        yield "HTTP", ", ".join(_span(span) for span in rule.statuses)
    if rule.methods:
        yield say("workbench.rule.method"), ", ".join(sorted(rule.methods))
    if rule.codes:
        yield say("type.code"), ", ".join(sorted(rule.codes))
    if rule.when is not None:
        yield "JMESPath", rule.when.expression
    if rule.text is not None:
        yield say("workbench.rule.text"), rule.text.pattern
    if rule.media:
        yield "Content-Type", rule.media
    for name in ("renew", "look", "repeated", "pauses_path", "foreign"):
        if getattr(rule, name):
            yield "", say(f"workbench.rule.{name}")


def _span(span: range) -> str:
    return str(span.start) if len(span) == 1 else f"{span.start // 100}xx"
