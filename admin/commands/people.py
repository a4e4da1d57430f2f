"""antar user, key: the people who may log in, the clinics' API keys, and the secret key."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from admin.commands.installation import actor, with_hub
from admin.commands.typed_secrets import PasswordFile, new_password
from admin.people import administrators, users
from engine.facilities import facilities
from engine.facilities.vault import new_key
from engine.hub import Hub


def register(app: typer.Typer) -> None:
    user = typer.Typer(help="People who may log in.", no_args_is_help=True)
    user.command("add")(user_add)
    user.command("list")(user_list)
    user.command("password")(user_password)
    user.command("remove")(user_remove)
    key = typer.Typer(help="Keys: of the clinics' systems, and the secret key.", no_args_is_help=True)
    key.command("new")(key_new)
    key.command("list")(key_list)
    key.command("revoke")(key_revoke)
    key.command("secret")(key_secret)
    for name, group in (("user", user), ("key", key)):
        app.add_typer(group, name=name)


def user_add(
    name: str,
    password_file: PasswordFile = None,
    role: Annotated[str, typer.Option(help="What they may do: admin, superadmin, or a role of your own.")] = "admin",
    facility: Annotated[str | None, typer.Option(help="Code of the only clinic they see; all if left out.")] = None,
) -> None:
    """Add a person. The password is that of the file or of ANTAR_PASSWORD, otherwise it is asked for."""
    password = new_password(password_file)

    async def work(hub: Hub) -> None:
        only = (await facilities.by_code(hub.database, facility)).id if facility else None
        await users.add_user(hub.database, name, password, role, only)

    with_hub(work)
    typer.echo(f"{name} may log in as {role}")


def user_list() -> None:
    """All people: name, role, the only clinic they see, and whether they are disabled."""
    for row in with_hub(lambda hub: users.everybody(hub.database)):
        state = "disabled" if row.disabled else "may log in"
        typer.echo(f"{row.name}\t{row.role}\t{row.facility or 'all clinics'}\t{state}")


def user_password(name: str, password_file: PasswordFile = None) -> None:
    """Set a new password, given as for `user add`; every session of the person ends."""
    password = new_password(password_file)
    with_hub(lambda hub: users.set_password(hub.database, name, password))
    typer.echo(f"{name} has a new password")


def user_remove(name: str) -> None:
    """Remove a person; every session of theirs ends. What they did stays in the audit log."""
    with_hub(lambda hub: administrators.remove_user(hub.database, name, actor()))
    typer.echo(f"{name} is removed")


def key_new(
    code: str,
    name: Annotated[str, typer.Argument(help="What uses it, e.g. simrs.")],
    valid_days: Annotated[int | None, typer.Option(help="Ends after so many days; never if left out.")] = None,
) -> None:
    """Make an API key for a clinic's system; it is shown this once."""

    async def work(hub: Hub) -> str:
        facility = await facilities.by_code(hub.database, code)
        return await facilities.new_api_key(hub.database, facility.id, name, valid_days)

    typer.echo(with_hub(work))


def key_list() -> None:
    """All API keys, without their secrets."""
    for row in with_hub(lambda hub: facilities.api_keys(hub.database)):
        until = datetime.fromtimestamp(row.expires_at / 1000, UTC).isoformat() if row.expires_at else "no end"
        typer.echo(f"{row.prefix}\t{row.facility}\t{row.name}\tuntil {until}")


def key_revoke(prefix: str) -> None:
    """End an API key at once."""
    with_hub(lambda hub: facilities.revoke_api_key(hub.database, prefix))
    typer.echo(f"{prefix} is revoked")


def key_secret() -> None:
    """Print a fresh secret key for ANTAR_SECRET_KEY."""
    typer.echo(new_key())
