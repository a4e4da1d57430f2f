"""antar user, facility, key: users, clinics, their credentials and API keys."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import typer

from adapters.outbound.guard import AddressFault, AddressRefused, check_url
from adapters.outbound.networks import Policy
from admin.people import users
from engine.errors import AntarError
from engine.facilities import facilities
from engine.facilities.vault import new_key
from engine.hub import Hub
from engine.settings import from_environment

T = TypeVar("T")


def register(app: typer.Typer) -> None:
    user = typer.Typer(help="People who may log in.", no_args_is_help=True)
    user.command("add")(user_add)
    user.command("password")(user_password)
    facility = typer.Typer(help="Clinics and their access to the upstreams.", no_args_is_help=True)
    facility.command("add")(facility_add)
    facility.command("list")(facility_list)
    facility.command("credentials")(facility_credentials)
    key = typer.Typer(help="Keys: of the clinics' systems, and the secret key.", no_args_is_help=True)
    key.command("new")(key_new)
    key.command("list")(key_list)
    key.command("revoke")(key_revoke)
    key.command("secret")(key_secret)
    for name, group in (("user", user), ("facility", facility), ("key", key)):
        app.add_typer(group, name=name)


def _with_hub(work: Callable[[Hub], Awaitable[T]]) -> T:
    async def run() -> T:
        hub = await Hub.open(from_environment())
        try:
            return await work(hub)
        finally:
            await hub.close()

    return asyncio.run(run())


Password = Annotated[str, typer.Option(prompt=True, confirmation_prompt=True, hide_input=True)]


def user_add(
    name: str,
    password: Password,
    role: Annotated[str, typer.Option(help="What they may do: admin, superadmin, or a role of your own.")] = "admin",
    facility: Annotated[str | None, typer.Option(help="Code of the only clinic they see; all if left out.")] = None,
) -> None:
    """Add a person; the password is asked for."""

    async def work(hub: Hub) -> None:
        only = (await facilities.by_code(hub.database, facility)).id if facility else None
        await users.add_user(hub.database, name, password, role, only)

    _with_hub(work)
    typer.echo(f"{name} may log in as {role}")


def user_password(name: str, password: Password) -> None:
    """Set a new password; every session of the person ends."""
    _with_hub(lambda hub: users.set_password(hub.database, name, password))
    typer.echo(f"{name} has a new password")


def facility_add(
    code: str,
    name: str,
    organization_id: Annotated[str, typer.Option(help="The id that the ministry gave the clinic.")],
    time_zone: Annotated[str, typer.Option(help="Asia/Jakarta, Asia/Makassar or Asia/Jayapura.")] = "Asia/Jakarta",
) -> None:
    """Add a clinic."""
    _with_hub(lambda hub: facilities.add_facility(hub.database, code, name, time_zone, organization_id))
    typer.echo(f"added {code}; next: antar facility credentials {code} UPSTREAM, antar key new {code} NAME")


def facility_list() -> None:
    """All clinics."""
    for row in _with_hub(lambda hub: facilities.all_facilities(hub.database)):
        typer.echo(f"{row.code}\t{row.name}\t{row.time_zone}\t{row.organization_id}")


def facility_credentials(code: str, upstream: str) -> None:
    """Enter a clinic's secrets for an upstream; they are asked for and stored sealed."""

    async def work(hub: Hub) -> None:
        fields = {name: spec.credentials for name, spec in hub.catalog.upstreams.items()}
        fields |= {inbound.account: inbound.credentials for inbound in hub.catalog.inbound.values()}
        if upstream not in fields:
            raise AntarError(f"no upstream {upstream!r}; known: {', '.join(fields)}")
        facility = await facilities.by_code(hub.database, code)
        typed = {
            name: typer.prompt(label.en, default="", show_default=False, hide_input=facilities.is_secret(name))
            for name, label in fields[upstream].items()
        }
        secrets = {name: value for name, value in typed.items() if value}
        for name in filter(facilities.is_address, secrets):
            check_address(fields[upstream][name].en, secrets[name], hub.settings.webhook_policy)
        await facilities.set_credentials(hub.database, hub.vault, facility.id, upstream, secrets)

    _with_hub(work)
    typer.echo("stored")


def check_address(label: str, address: str, policy: Policy) -> None:
    """Raise AntarError if the policy forbids the address."""
    try:
        check_url(address, policy)
    except AddressRefused as error:
        reason = f"see {policy.setting} in README.md" if error.fault is AddressFault.NETWORK else error.fault
        raise AntarError(f"{label}: this address is refused; {reason}") from error


def key_new(
    code: str,
    name: Annotated[str, typer.Argument(help="What uses it, e.g. simrs.")],
    valid_days: Annotated[int | None, typer.Option(help="Ends after so many days; never if left out.")] = None,
) -> None:
    """Make an API key for a clinic's system; it is shown this once."""

    async def work(hub: Hub) -> str:
        facility = await facilities.by_code(hub.database, code)
        return await facilities.new_api_key(hub.database, facility.id, name, valid_days)

    typer.echo(_with_hub(work))


def key_list() -> None:
    """All API keys, without their secrets."""
    for row in _with_hub(lambda hub: facilities.api_keys(hub.database)):
        until = datetime.fromtimestamp(row.expires_at / 1000, UTC).isoformat() if row.expires_at else "no end"
        typer.echo(f"{row.prefix}\t{row.facility}\t{row.name}\tuntil {until}")


def key_revoke(prefix: str) -> None:
    """End an API key at once."""
    _with_hub(lambda hub: facilities.revoke_api_key(hub.database, prefix))
    typer.echo(f"{prefix} is revoked")


def key_secret() -> None:
    """Print a fresh secret key for ANTAR_SECRET_KEY."""
    typer.echo(new_key())
