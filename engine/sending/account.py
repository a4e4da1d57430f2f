"""The account with which a channel is drained; a channel without a complete one is closed."""

from __future__ import annotations

from adapters.base import Account
from engine.delivery.types import Channel
from engine.facilities.credentials import Accounts, NoAccount
from engine.limits.breaker import CircuitBreaker
from engine.specs.upstream import UpstreamSpec


async def account_or_close(
    accounts: Accounts, gate: CircuitBreaker, channel: Channel, upstream: UpstreamSpec
) -> Account | None:
    """Return the account, or None after closing the channel because the credentials in force are incomplete."""
    account = await accounts.get(channel.facility_id, upstream)
    while isinstance(account, NoAccount):
        if await gate.refuse(channel, account.reason, account.version):
            return None
        # Other credentials were entered since the account was read.
        account = await accounts.get(channel.facility_id, upstream, fresh=True)
    return account
