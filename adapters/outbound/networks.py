"""Classes of IP addresses, and the policy that says which of them an entered address may lead to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from adapters.messages import message

Address = IPv4Address | IPv6Address


class Network(IntEnum):
    """Kinds of destinations, each wider than the one before."""

    PUBLIC = 1
    PRIVATE = 2
    LOOPBACK = 3
    # Metadata services, link-local, multicast, unspecified and reserved addresses: no clinic's system has one.
    REFUSED = 4


def _v4(*networks: str) -> tuple[IPv4Network, ...]:
    return tuple(IPv4Network(network) for network in networks)


def _v6(*networks: str) -> tuple[IPv6Network, ...]:
    return tuple(IPv6Network(network) for network in networks)


_METADATA_V4 = _v4("100.100.100.200", "168.63.129.16", "169.254.0.0/16", "192.0.0.0/24")
_METADATA_V6 = _v6("fd00:ec2::254", "fd20:ce::254", "fd00:42::42")
# https://www.iana.org/assignments/iana-ipv4-special-registry
_RESERVED_V4 = _v4(
    "0.0.0.0/8", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
    "224.0.0.0/4", "240.0.0.0/4",
)  # fmt: skip
# 2001::/23 has Teredo, whose addresses hide an IPv4 address, and nothing that answers a webhook.
_RESERVED_V6 = _v6("2001::/23", "2001:db8::/32", "3fff::/20")
_PRIVATE_V4 = _v4("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16")
_PRIVATE_V6 = _v6("fc00::/7")
_UNICAST_V6 = IPv6Network("2000::/3")
# IPv4 in the last 32 bits: compatible (::a.b.c.d), mapped, translated (SIIT) and NAT64.
_EMBEDDING_V6 = _v6("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96")


def network_of(address: Address) -> Network:
    """Return the class of an address; an IPv6 address that carries an IPv4 address has the class of that one."""
    if isinstance(address, IPv4Address):
        return _network_of_v4(address)
    if address == IPv6Address("::1"):
        return Network.LOOPBACK
    carried = _carried(address)
    return _network_of_v6(address) if carried is None else _network_of_v4(carried)


def plain(address: Address) -> Address:
    """Return the IPv4 address behind an IPv4-mapped one, any other address as it is."""
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def _carried(address: IPv6Address) -> IPv4Address | None:
    if any(address in network for network in _EMBEDDING_V6):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour


def _network_of_v4(address: IPv4Address) -> Network:
    if any(address in network for network in (*_METADATA_V4, *_RESERVED_V4)):
        return Network.REFUSED
    if address.is_loopback:
        return Network.LOOPBACK
    return Network.PRIVATE if any(address in network for network in _PRIVATE_V4) else Network.PUBLIC


def _network_of_v6(address: IPv6Address) -> Network:
    if any(address in network for network in (*_METADATA_V6, *_RESERVED_V6)):
        return Network.REFUSED
    if any(address in network for network in _PRIVATE_V6):
        return Network.PRIVATE
    return Network.PUBLIC if address in _UNICAST_V6 else Network.REFUSED


@dataclass(frozen=True, slots=True)
class Policy:
    """The widest network that is allowed, and the environment variable by which the operator widens it."""

    widest: Network
    setting: str

    def allows(self, address: Address) -> bool:
        return network_of(address) <= self.widest

    @property
    def refusal(self) -> str:
        """Message for every address that is not allowed: different ones would reveal what is at an address."""
        match self.widest:
            case Network.PUBLIC:
                return message("address.only_public", setting=self.setting)
            case Network.PRIVATE:
                return message("address.only_private", setting=self.setting)
            case Network.LOOPBACK:
                return message("address.not_allowed")
        return ""


# For addresses from the environment, which the operator has set: all networks are allowed.
OPERATOR = Policy(Network.REFUSED, "")
