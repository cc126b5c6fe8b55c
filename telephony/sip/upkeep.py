"""How the ways to our registrars are kept open and watched."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass

from .account import SipAccount
from .registration import Registration
from .transaction_layer import TransactionLayer

KEEP_ALIVE = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Upkeep:
    """Seconds between signs of life; 0: none.

    `keep_alive_s`: blank lines that keep NATs and firewalls open (RFC 5626 section 4.4.1; over UDP nobody answers
    them). `ping_s`: OPTIONS to each registrar (RFC 3261 section 11); after `ping_misses` without an answer it counts
    as unreachable.
    """

    keep_alive_s: float = 25.0
    ping_s: float = 0.0
    ping_misses: int = 2


async def keep_open(
    layer: TransactionLayer, registrations: Mapping[SipAccount, Registration], seconds: float
) -> None:
    """The ways over UDP: one datagram for each registrar, however many accounts it has, for they share the socket."""
    while True:
        await asyncio.sleep(seconds * random.uniform(0.8, 1.0))
        used = {r.destination.address: r.destination for r in registrations.values()}
        for destination in used.values():
            if destination.transport == "udp":
                layer.transport_of(destination).send(KEEP_ALIVE, destination)
