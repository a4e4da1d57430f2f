"""The account that a channel is drained with; a channel without a complete account is closed."""

from __future__ import annotations

from adapters.base import Account
from engine.delivery.types import Channel
from engine.facilities.credentials import Accounts, NoAccount
from engine.limits.breaker import CircuitBreaker
from engine.specs.upstream import UpstreamSpec


async def account_or_close(
    accounts: Accounts, breaker: CircuitBreaker, channel: Channel, upstream: UpstreamSpec
) -> Account | None:
    """Return the account, or None after closing the channel because the credentials in force are incomplete."""
    account = await accounts.get(channel.facility_id, upstream)
    while isinstance(account, NoAccount):
        if await breaker.close_without_account(channel, account.reason, account.version):
            return None
        # False: other credentials were entered since the account was read.
        account = await accounts.get(channel.facility_id, upstream, fresh=True)
    return account
