"""Root causes in words: what is wrong, how many deliveries it holds, who mends it, and what helps."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import urlencode

from admin.pages.shared.explanations import Act, Explanation, any_of, explain
from admin.pages.shared.formatting import Moment, moment
from admin.people.permissions import Permission
from admin.text.words import localized, number, say, sentence, speaking
from engine.catalog.catalog import Catalog
from engine.delivery.causes import ANY_OF, CauseKind, cause_text, parse_cause
from engine.delivery.status import Status
from engine.facilities.facilities import FacilityRow
from engine.identifiers import masked
from engine.queries.todo import Failure, Missing, Times, TodoFacts
from engine.specs.record_type import Spec
from engine.specs.upstream import UpstreamSpec

ICONS = {Act.LIST: "alert-circle", Act.RESEND: "refresh", Act.SETTINGS: "key", Act.MAP: "link-off"}
SETTINGS = "/admin"
REFUSALS = ("rejected", CauseKind.CHECK)  # kinds of failures that the content of the record causes


@dataclass(frozen=True, slots=True)
class HeldType:
    """Deliveries of one type that a root cause holds; `n` is None where they are counted with other types."""

    spec: Spec
    cause: str
    href: str
    n: int | None = None

    @property
    def label(self) -> str:
        return localized(self.spec.label)

    @property
    def bulk(self) -> str:
        """Return the address that drafts a bulk action."""
        return f"/integrasi/{self.spec.upstream.name}/{self.spec.name}/massal"

    @property
    def mends(self) -> str:
        """Return the address on which a value is replaced in all of them."""
        query = urlencode({"cause": self.cause})
        return f"/integrasi/{self.spec.upstream.name}/{self.spec.name}/perbaiki?{query}"


@dataclass(frozen=True, slots=True)
class Button:
    """The link that helps most."""

    label: str
    icon: str
    href: str


@dataclass(frozen=True, slots=True)
class RootCause:
    """A root cause: `n` deliveries failed by it, and `behind` others wait for them, or more with `more`.

    Of records that others wait for, `n` is 0 and `missing` names their types. `main` is None if a resend helps most,
    or if there are several lists to choose from. `key` names the cause, whatever types it affects now and in any
    language of the page; what people keep about it is stored under the key.
    """

    key: str
    explanation: Explanation
    parts: tuple[HeldType, ...]
    n: int
    behind: int
    more: bool
    times: Times
    first: Moment | None
    last: Moment | None
    main: Button | None = None
    patients: int = 0
    codes: tuple[str, ...] = ()
    sample: str = ""
    missing: Missing | None = None

    @property
    def id(self) -> str:
        """Return the name of the row in addresses; it stays the same while the cause lasts."""
        return f"m-{self.key}"

    @property
    def icon(self) -> str:
        return ICONS[self.explanation.act]

    @property
    def total(self) -> int:
        """Return the number of deliveries that go out once the cause is gone."""
        return self.n + self.behind

    @property
    def labels(self) -> str:
        return ", ".join(dict.fromkeys(part.label for part in self.parts))

    @property
    def resends(self) -> bool:
        """Return whether the deliveries can be sent again; what only waits goes out by itself."""
        return self.missing is None and all(parse_cause(part.cause)[0] != CauseKind.CIRCLE for part in self.parts)

    @property
    def mendable(self) -> bool:
        """Return whether the content was refused, and another value in all of the records may help."""
        if self.missing is not None or self.explanation.own_value or self.explanation.act != Act.LIST:
            return False
        return all(parse_cause(part.cause)[0] in REFUSALS for part in self.parts)

    @property
    def frees(self) -> str:
        """Return in words how many deliveries wait behind it."""
        return say("problems.frees.more" if self.more else "problems.frees", n=number(self.behind))

    @property
    def trend(self) -> str:
        """Return up, down or same, by the last 24 hours and the 24 before; empty if none failed in both."""
        day, before = self.times.day, self.times.day_before
        return "" if not day and not before else "up" if day > before else "down" if day < before else "same"


def root_causes(
    catalog: Catalog, upstream: UpstreamSpec, facility: FacilityRow, facts: TodoFacts, permissions: Collection[str]
) -> list[RootCause]:
    """Return the root causes of an upstream, those that hold most deliveries first.

    `permissions` are those of the reader: the main button of a cause leads only to what the reader may do.
    """
    causes = [
        *_failures(catalog, upstream, facility, facts, permissions),
        *(_missing(catalog, facility, missing) for missing in facts.missing),
        *(_set_aside(catalog, facility, missing) for missing in facts.set_aside),
    ]
    return sorted(causes, key=lambda cause: -cause.total)


def shared_text(cause: RootCause, clinic: str, address: str) -> str:
    """Return the cause as a message to the person who mends it: no patients, no words of the upstream."""
    effect = say("problems.share.failed", n=number(cause.n), labels=cause.labels) if cause.n else ""
    effects = ", ".join(filter(None, (effect, cause.frees if cause.behind else "")))
    lines = (
        f"*{cause.explanation.title}* ({clinic})",
        effects,
        cause.explanation.remedy,
        say("problems.share.who", who=cause.explanation.who),
        f"{address}#{cause.id}",
    )
    return "\n".join(filter(None, lines))


def _failures(
    catalog: Catalog, upstream: UpstreamSpec, facility: FacilityRow, facts: TodoFacts, permissions: Collection[str]
) -> Iterator[RootCause]:
    """Yield failures; groups that one remedy explains, of several types or codes, are one root cause."""
    alike: dict[tuple[Explanation, str], list[Failure]] = {}
    for failure in facts.failures:
        # Without a remedy only the kind is explained: then another code is another cause.
        code = "" if upstream.remedies.explain(failure.cause, failure.spec) else parse_cause(failure.cause)[1]
        alike.setdefault((explain(failure.cause, upstream, failure.spec), code), []).append(failure)
    for (explanation, code), failures in alike.items():
        main = _main(catalog, upstream, explanation.act, _parts(catalog, failures), permissions)
        with speaking("id"):
            words = explain(failures[0].cause, upstream, failures[0].spec)
        key = _key(upstream.name, words.title, words.remedy, code)
        yield _failure(catalog, facility, key, explanation, failures, main)


def _key(*names: str) -> str:
    return sha256(repr(names).encode()).hexdigest()[:10]


def _parts(catalog: Catalog, failures: list[Failure]) -> tuple[HeldType, ...]:
    return tuple(_part(catalog.specs[failure.spec], failure.cause, n=failure.n) for failure in failures)


def _failure(
    catalog: Catalog,
    facility: FacilityRow,
    key: str,
    explanation: Explanation,
    failures: list[Failure],
    main: Button | None,
) -> RootCause:
    times = _together([failure.times for failure in failures])
    codes = dict.fromkeys(parse_cause(failure.cause)[1] for failure in failures)
    return RootCause(
        key,
        explanation,
        _parts(catalog, failures),
        sum(failure.n for failure in failures),
        sum(failure.behind for failure in failures),
        any(failure.more for failure in failures),
        times,
        moment(times.first, facility),
        moment(times.last, facility),
        main,
        # The same patient may stand in several groups: their sum would be too many.
        max(failure.patients for failure in failures),
        tuple(filter(None, codes)),
        masked(sentence(failures[0].sample)),
    )


def _together(all_times: list[Times]) -> Times:
    return Times(
        min((times.first for times in all_times if times.first is not None), default=None),
        max((times.last for times in all_times if times.last is not None), default=None),
        sum(times.day for times in all_times),
        sum(times.day_before for times in all_times),
    )


def _missing(catalog: Catalog, facility: FacilityRow, missing: Missing) -> RootCause:
    """Return records that were never submitted, or items without a code."""
    n, mapping = number(len(missing.keys)), catalog.items.get(missing.specs[0])
    if mapping is not None:
        title, remedy = say("problems.unmapped", n=n, one=mapping.one), say("problems.unmapped.remedy", one=mapping.one)
        main = Button(say("problems.map"), mapping.icon, f"/pemetaan/{mapping.name}")
        return _waited_for(catalog, facility, missing, Explanation(title, remedy, say("who.petugas"), Act.MAP), main)
    title = say("problems.missing", n=n, label=any_of(catalog, missing.specs))
    explanation = Explanation(title, say("problems.missing.remedy"), say("who.integrator"), Act.LIST)
    return _waited_for(catalog, facility, missing, explanation, None)


def _set_aside(catalog: Catalog, facility: FacilityRow, missing: Missing) -> RootCause:
    """Return records that a person has set aside while others wait for them."""
    n, spec = number(len(missing.keys)), catalog.specs.get(missing.specs[0])
    title = say("problems.set_aside", n=n, label=any_of(catalog, missing.specs))
    main = None
    if spec is not None:
        address = f"/integrasi/{spec.upstream.name}/{spec.name}?{urlencode({'status': Status.IGNORED})}"
        main = Button(say("problems.show"), "list", address)
    explanation = Explanation(title, say("problems.set_aside.remedy"), say("who.admin"), Act.LIST)
    return _waited_for(catalog, facility, missing, explanation, main, "set_aside")


def _waited_for(
    catalog: Catalog,
    facility: FacilityRow,
    missing: Missing,
    explanation: Explanation,
    main: Button | None,
    kind: str = "missing",
) -> RootCause:
    needs = {
        (spec.name, need.specs): spec
        for spec in catalog.specs.values()
        for need in spec.needs
        if set(missing.specs) <= set(need.specs)
    }
    parts = tuple(_part(spec, cause_text(CauseKind.BLOCKED, ANY_OF.join(specs))) for (_, specs), spec in needs.items())
    first, last = (moment(at, facility) for at in (missing.times.first, missing.times.last))
    if main is None and len(parts) == 1:
        main = Button(say("problems.show.waiting"), "list", parts[0].href)
    key = _key(kind, *missing.specs)
    return RootCause(
        key, explanation, parts, 0, missing.behind, missing.more, missing.times, first, last, main, missing=missing
    )


def _part(spec: Spec, cause: str, n: int | None = None) -> HeldType:
    return HeldType(spec, cause, f"/integrasi/{spec.upstream.name}/{spec.name}?{urlencode({'cause': cause})}", n)


def _main(
    catalog: Catalog, upstream: UpstreamSpec, act: Act, parts: tuple[HeldType, ...], permissions: Collection[str]
) -> Button | None:
    mappings = (mapping for mapping in catalog.mappings.values() if mapping.upstream.name == upstream.name)
    mapping = next(mappings, None)
    if act == Act.MAP and mapping is not None:
        return Button(say("problems.map"), mapping.icon, f"/pemetaan/{mapping.name}")
    if act == Act.SETTINGS and Permission.MANAGE in permissions:
        return Button(say("problems.settings"), "settings", SETTINGS)
    if len(parts) > 1 or (act == Act.RESEND and Permission.BULK in permissions):
        return None
    return Button(say("problems.show"), "list", parts[0].href)
