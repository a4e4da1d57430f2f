"""antar facility: clinics, their credentials for the upstreams, and the test of these."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from adapters.outbound.guard import AddressFault, AddressRefused, check_url
from adapters.outbound.networks import Policy
from admin.commands import typed_secrets
from admin.commands.installation import actor, with_hub
from admin.pages.shared.connection_test import Finding, probe
from admin.text.words import speaking
from engine.catalog.credential_sets import credential_sets
from engine.database.audit import note, note_now
from engine.database.transaction import ModelTransaction, Transaction
from engine.errors import AntarError
from engine.facilities import facilities
from engine.facilities.particulars import ORGANIZATION_ID, TimeZone, is_code, is_organization_id, put_particulars
from engine.hub import Hub

Code = Annotated[str, typer.Argument(help="Code of the clinic.")]
OrganizationId = typer.Option(help="The id that the ministry gave the clinic; it counts for every upstream.")


def register(app: typer.Typer) -> None:
    facility = typer.Typer(help="Clinics and their access to the upstreams.", no_args_is_help=True)
    facility.command("add")(facility_add)
    facility.command("edit")(facility_edit)
    facility.command("list")(facility_list)
    facility.command("credentials")(facility_credentials)
    facility.command("test")(facility_test)
    app.add_typer(facility, name="facility")


def facility_add(
    code: Annotated[str, typer.Argument(help="Short code of letters, digits and hyphens; it cannot be changed later.")],
    name: str,
    organization_id: Annotated[str, OrganizationId],
    time_zone: TimeZone = TimeZone.WIB,
) -> None:
    """Add a clinic."""
    if not is_code(code):
        raise AntarError(f"{code!r} is no code of a clinic; use up to 40 letters, digits and hyphens")
    check_organization_id(organization_id)
    with_hub(lambda hub: facilities.add_facility(hub.database, code, name, time_zone.value, organization_id))
    typer.echo(f"added {code}; next: antar facility credentials {code} UPSTREAM, antar key new {code} NAME")


def check_organization_id(text: str) -> None:
    """Raise AntarError if this can be no organization id. `facility test` asks the ministry whether it knows it."""
    if not is_organization_id(text):
        raise AntarError(f"{text!r} is no organization id; it has letters, digits, dots and hyphens, e.g. 100012345")


def facility_edit(
    code: Code,
    name: Annotated[str | None, typer.Option(help="New name.")] = None,
    organization_id: Annotated[str | None, OrganizationId] = None,
    time_zone: Annotated[TimeZone | None, typer.Option(help="New time zone.")] = None,
) -> None:
    """Change a clinic; what is left out stays."""
    given = {"name": name, ORGANIZATION_ID: organization_id, "time_zone": time_zone}
    changed = {column: str(value) for column, value in given.items() if value is not None}
    if not changed:
        raise AntarError("say what to change: --name, --organization-id or --time-zone")
    check_organization_id(changed.get(ORGANIZATION_ID, ""))

    async def work(hub: Hub) -> None:
        facility = await facilities.by_code(hub.database, code)
        what = " ".join(f"{column}={value}" for column, value in changed.items())

        async def write(tx: ModelTransaction) -> None:
            await put_particulars(tx, facility.id, changed)
            await note(tx, tx.now, actor(), "facility.change", facility_id=facility.id, reason=what)

        await hub.database.write_models(write)

    with_hub(work)
    typer.echo(f"changed {code}")


def facility_list() -> None:
    """All clinics: code, name, time zone, organization id, and for which systems credentials are entered."""

    async def work(hub: Hub) -> list[str]:
        rows = await facilities.all_facilities(hub.database)
        return [
            f"{row.code}\t{row.name}\t{row.time_zone}\t{row.organization_id or 'no organization id'}\t"
            f"{', '.join(sorted(await facilities.entered_at(hub.database, row.id))) or 'no credentials'}"
            for row in rows
        ]

    for line in with_hub(work):
        typer.echo(line)


def facility_credentials(
    code: Code,
    upstream: Annotated[str, typer.Argument(help="System for which they are entered, e.g. an upstream.")],
    file: Annotated[
        Path | None, typer.Option(help="File with lines NAME=VALUE, for any of the names; - for standard input.")
    ] = None,
) -> None:
    """Enter a clinic's secrets for an upstream: of the file, else of ANTAR_CREDENTIAL_<NAME>, else they are asked for.

    They are stored sealed; what is not given stays as it was.
    """

    async def work(hub: Hub) -> list[str]:
        labels = {access.name: access.credentials for access in credential_sets(hub.catalog)}
        if upstream not in labels:
            raise AntarError(f"no upstream {upstream!r} asks for credentials; known: {', '.join(labels)}")
        facility = await facilities.by_code(hub.database, code)
        secrets = typed_secrets.credentials(labels[upstream], file)
        for name in filter(facilities.is_address, secrets):
            check_address(labels[upstream][name].en, secrets[name], hub.settings.webhook_policy)
        if secrets:
            await _enter(hub, facility.id, upstream, secrets)
        return list(secrets)

    stored = with_hub(work)
    typer.echo(f"stored {', '.join(stored)}; next: antar facility test {code}" if stored else "nothing was entered")


async def _enter(hub: Hub, facility_id: int, upstream: str, secrets: dict[str, str]) -> None:
    """Store the secrets beside those that stay; the audit log gets their names only."""
    before, _ = await facilities.sealed_credentials(hub.database, facility_id, upstream)
    sealed = facilities.merged(hub.vault, before, secrets)

    async def write(tx: Transaction) -> None:
        await facilities.put_credentials(tx, facility_id, upstream, sealed, tx.now)
        what = f"{upstream}: {', '.join(secrets)}"
        await note(tx, tx.now, actor(), "credentials.change", facility_id=facility_id, reason=what)

    await hub.database.write(write)


def check_address(label: str, address: str, policy: Policy) -> None:
    """Raise AntarError if the policy forbids the address."""
    try:
        check_url(address, policy)
    except AddressRefused as error:
        reason = f"see {policy.setting} in docs/operate.md" if error.fault is AddressFault.NETWORK else error.fault
        raise AntarError(f"{label}: this address is refused; {reason}") from error


def facility_test(
    code: Code,
    upstream: Annotated[str | None, typer.Argument(help="Only this upstream; else all with credentials.")] = None,
) -> None:
    """Call the upstreams with the clinic's credentials: do they answer, and do they know the clinic?"""
    found = with_hub(lambda hub: try_upstreams(hub, code, upstream))
    for name, findings in found.items():
        for finding in findings:
            typer.echo(f"{name}\t{finding.label}\t{finding.words}")
    if any(finding.good is False for findings in found.values() for finding in findings):
        raise typer.Exit(1)


async def try_upstreams(hub: Hub, code: str, only: str | None) -> dict[str, list[Finding]]:
    """Return the findings by upstream, in English; each test is noted in the audit log."""
    facility = await facilities.by_code(hub.database, code)
    entered = await facilities.entered_at(hub.database, facility.id)
    names = [name for name in hub.catalog.upstreams if (name in entered if only is None else name == only)]
    if not names:
        raise AntarError(
            f"no upstream {only!r}; known: {', '.join(hub.catalog.upstreams)}"
            if only
            else f"{code} has no credentials yet; enter some with `antar facility credentials {code} UPSTREAM`"
        )
    found = {}
    with speaking("en"):
        for name in names:
            found[name] = await probe(hub, facility, hub.catalog.upstreams[name])
            what = f"{name} ok={found[name][0].good}"
            await note_now(hub.database, actor(), "connection.test", facility_id=facility.id, reason=what)
    return found
