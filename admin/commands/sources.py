"""antar source: clinics' databases that are read."""

from __future__ import annotations

import csv
import sys
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Annotated, TypeVar

import orjson
import typer

from adapters.his_database.faults import HisFault
from adapters.his_database.grants import grants as grant_statements
from adapters.his_database.status_table import status_table
from admin.commands.installation import actor, with_hub
from admin.text.words import english
from engine.errors import AntarError, NotFound
from engine.facilities.facilities import FacilityRow, by_code, credentials
from engine.hub import Hub
from engine.mapping import table
from engine.source.faults import did_you_mean
from engine.sources import states
from engine.sources.adoption import AdoptedIds, SourceAdoption, mapped_codes
from engine.sources.states import RoundState
from engine.sources.trial import SourceTrial, TriedRead
from engine.specs.his_source import KEYS_DAYS, HisSource

T = TypeVar("T")
Name = Annotated[str, typer.Argument(help="The source, as the configuration calls it.")]
Facility = Annotated[str | None, typer.Option(help="Code of the clinic; the first if left out.")]
Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="A day; today if left out.")]

_SPANS = {0: "all", KEYS_DAYS: "keys"}  # of the rounds of reads without days

source = typer.Typer(help="Databases of clinics' systems that are read.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(source, name="source")


def _with_clinic(facility: str | None, work: Callable[[Hub, FacilityRow], Awaitable[T]]) -> T:
    async def run(hub: Hub) -> T:
        try:
            return await work(hub, await by_code(hub.database, facility))
        except HisFault as error:
            raise AntarError(str(error)) from error

    return with_hub(run)


def _declared(hub: Hub, name: str) -> HisSource:
    if name not in hub.catalog.sources:
        raise NotFound(f"no source {name!r}{did_you_mean(name, hub.catalog.sources)}")
    return hub.catalog.sources[name]


@source.command("try")
def try_(
    name: Name,
    read: Annotated[str | None, typer.Argument(help="One of its reads; all if left out.")] = None,
    facility: Facility = None,
    day: Day = None,
    limit: Annotated[int, typer.Option(help="Rows of each read that are printed.")] = 10,
) -> None:
    """Read a day, make records and check them; nothing is stored or sent."""

    async def work(hub: Hub, clinic: FacilityRow) -> tuple[list[TriedRead], list[str]]:
        declared = _declared(hub, name)
        if read is not None and read not in declared.reads:
            raise NotFound(f"no read {read!r} of {name}{did_you_mean(read, declared.reads)}")
        entered = await credentials(hub.database, hub.vault, clinic.id, declared.account)
        of = day.date() if day else clinic.local(hub.database.clock()).date()
        trial = SourceTrial(hub.intake, declared, clinic, entered, of, limit)
        return await trial.run([read] if read else list(declared.reads))

    reads, unwise = _with_clinic(facility, work)
    for warning in unwise:
        typer.echo(f"warning: {english(warning)}", err=True)
    for tried in reads:
        _print(tried)
    if any(tried.fault for tried in reads):
        raise typer.Exit(1)


def _print(tried: TriedRead) -> None:
    counts = f"{tried.rows} rows, {tried.good} good, {tried.skipped} skipped, {tried.refused} refused"
    typer.echo(f"{tried.read} -> {tried.into}: {counts}, {tried.seconds:.2f} s")
    for words in filter(None, (tried.fault, *tried.warnings)):
        typer.echo(f"  ! {english(words)}")
    for example in tried.examples:
        typer.echo(f"  {example.made.key}")
        for problem in example.problems:
            typer.echo(f"    ! {english(problem)}")
        if example.made.record is not None:
            typer.echo(f"    {orjson.dumps(example.made.record).decode()}")


@source.command("read")
def read_(
    name: Name,
    read: Annotated[str, typer.Argument(help="One of its reads.")],
    from_: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day.")],
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The last day.")],
    facility: Facility = None,
) -> None:
    """Let a worker read some days once, behind what is sent today; a read that was broken off goes on."""

    async def work(hub: Hub, clinic: FacilityRow) -> None:
        declared = _declared(hub, name)
        if read not in declared.reads or declared.reads[read].by != "window":
            dated = [one.name for one in declared.reads.values() if one.by == "window"]
            raise NotFound(f"no read {read!r} with days{did_you_mean(read, dated)}")
        await _expect_started(hub, clinic, name)
        await states.read_once(hub.database, clinic.id, name, read, from_.date(), until.date())

    if until < from_:
        raise AntarError("--until is before --from; exchange them")
    _with_clinic(facility, work)
    typer.echo(f"a worker reads it now; see antar source status, {name} {read}")


async def _expect_started(hub: Hub, clinic: FacilityRow, name: str) -> None:
    state = (await states.states(hub.database, clinic.id)).get(name)
    if state is None or state.state != "running":
        raise AntarError(f"{name} is not being read at {clinic.code}; start it with: antar source start {name}")


@source.command("grants")
def grants_(
    name: Name,
    database: Annotated[str, typer.Option(help="Name of the clinic's database.")] = "DATABASE",
    user: Annotated[str, typer.Option(help="Name of the user who reads.")] = "antar",
    host: Annotated[str, typer.Option(help="Address of the machine on which Antar runs.")] = "ANTAR_HOST",
    tls: Annotated[bool, typer.Option(help="The server has TLS, and its CA is entered with the credentials.")] = False,
) -> None:
    """Print what the clinic's technician runs: a user who may read the declared tables and nothing else.

    Where the source declares `tell`, also the table in which the clinic's database is told of deliveries.
    """

    async def work(hub: Hub, clinic: FacilityRow) -> list[str]:
        declared = _declared(hub, name)
        statements = list(grant_statements(declared.system, declared.grants, database, user, host, tls=tls))
        if declared.status_table is not None:
            statements += status_table(declared.system, declared.status_table, database, user, host)
        return statements

    for statement in _with_clinic(None, work):
        typer.echo(statement)


@source.command("adopt")
def adopt(
    name: Name,
    from_: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day of the visits.")],
    until: Day = None,
    facility: Facility = None,
    dry_run: Annotated[bool, typer.Option(help="Only tell what would be taken over.")] = False,
) -> None:
    """Take over the ids of what an older bridge has sent, before the source is started: it counts as sent."""

    async def work(hub: Hub, clinic: FacilityRow) -> list[AdoptedIds]:
        declared = _declared(hub, name)
        if name in await states.states(hub.database, clinic.id) and not dry_run:
            raise AntarError(f"{name} has been started at {clinic.code}; what it has read is sent as new already")
        entered = await credentials(hub.database, hub.vault, clinic.id, declared.account)
        last = until.date() if until else clinic.local(hub.database.clock()).date()
        run = SourceAdoption(hub.intake, declared, clinic, entered, from_.date(), last, actor(), dry_run)
        return await run.run()

    sections = _with_clinic(facility, work)
    for one in sections:
        counts = f"{one.taken} of {one.ids} ids {'could be ' if dry_run else ''}taken over, {one.before} known before, "
        typer.echo(f"{one.name} -> {one.into}: {counts}{one.without} without a record, {one.refused} refused")
        if one.fault:
            typer.echo(f"  ! {english(one.fault)}")
        if one.named:
            typer.echo(f"  not taken over: {', '.join(one.named)}")
    if any(one.fault for one in sections):
        raise typer.Exit(1)


@source.command("codes")
def codes(
    name: Name,
    mapping: Annotated[str, typer.Argument(help="The mapping, as the configuration calls it.")],
    facility: Facility = None,
) -> None:
    """Print the codes that the clinic has mapped in its own system, as a table for antar mapping import."""

    async def work(hub: Hub, clinic: FacilityRow) -> list[tuple[str, str]]:
        declared = _declared(hub, name)
        if mapping not in declared.codes:
            raise NotFound(f"no codes of {mapping!r} in {name}{did_you_mean(mapping, declared.codes)}")
        entered = await credentials(hub.database, hub.vault, clinic.id, declared.account)
        return await mapped_codes(declared, entered, mapping)

    csv.writer(sys.stdout).writerows(table.taken_over(name, _with_clinic(facility, work)))


@source.command("start")
def start(
    name: Name,
    facility: Facility = None,
    from_: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day; today if left out.")
    ] = None,
) -> None:
    """Let the workers read a source from now on."""

    async def work(hub: Hub, clinic: FacilityRow) -> date:
        day = from_.date() if from_ else clinic.local(hub.database.clock()).date()
        await states.start(hub.database, clinic.id, _declared(hub, name), day, actor())
        return day

    typer.echo(f"{name} is read from {_with_clinic(facility, work)} on")


@source.command("pause")
def pause(name: Name, facility: Facility = None) -> None:
    """Stop reading a source, within a batch."""
    _with_clinic(facility, lambda hub, clinic: states.pause(hub.database, clinic.id, name, actor()))
    typer.echo(f"{name} is paused")


@source.command("agree")
def agree(name: Name, facility: Facility = None) -> None:
    """Go on although many rows have disappeared at once: they are withdrawn."""
    _with_clinic(facility, lambda hub, clinic: states.agree(hub.database, clinic.id, name, actor()))
    typer.echo(f"{name} goes on; what has disappeared is withdrawn after two rounds")


@source.command("status")
def status(facility: Facility = None) -> None:
    """Tell the state of each source, its last rounds, and how many rows are skipped, refused and gone."""

    async def work(hub: Hub, clinic: FacilityRow) -> list[str]:
        lines = []
        started = await states.states(hub.database, clinic.id)
        rounds = await states.rounds(hub.database, clinic.id)
        for name in hub.catalog.sources:
            state = started.get(name)
            words = "not started" if state is None else f"{state.state} from {state.from_day}"
            lines.append(f"{name}: {words}")
            if state is not None and state.problem:
                lines.append(f"  ! {english(state.problem)}")
            lines += [_round_line(one, clinic) for one in rounds if one.source == name]
        counts = await states.counts(hub.database, clinic.id)
        return lines + [f"{one.source}\t{one.read}\t{one.n} rows {one.state}" for one in counts]

    for line in _with_clinic(facility, work):
        typer.echo(line)


def _round_line(one: RoundState, clinic: FacilityRow) -> str:
    span = _SPANS.get(one.days, f"{one.days} days")
    if one.first_day:
        span = f"{one.first_day} to {one.last_day}"
    if one.done_at is None:
        return f"  {one.read}\t{span}\tnot read yet{f', at {one.place}' if one.place else ''}"
    at = clinic.local(one.done_at).strftime("%Y-%m-%d %H:%M")
    counts = f"{one.rows} rows, {one.taken} taken, {one.skipped} skipped, {one.refused} refused, {one.gone} gone"
    return f"  {one.read}\t{span}\t{at}\t{counts}\t{one.milliseconds / 1000:.1f} s"
