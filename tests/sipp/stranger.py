"""Hostile datagrams on the ports of a call that is up, from somebody who has listened in."""

import asyncio
import random
import re
import socket

from tests.sip.test_sip_fuzz import mutate

from .network import HOST, Relay

AT_ONCE = 50


async def harass(network: Relay, packets: int) -> None:
    """Mutations of what the call has said so far, paced so that sockets take them all."""
    if not packets:
        return
    for _ in range(1000):
        if "> ACK" in network.ladder:
            break
        await asyncio.sleep(0.01)
    assert network.us is not None
    random_ = random.Random(1941)
    said = [*network.sent, *network.heard]
    rtp = re.search(rb"m=audio (\d+)", network.sent[0])
    assert rtp is not None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for number in range(packets):
            data = mutate(random_, random_.choice(said))
            stranger.sendto(data[:60000], network.us)
            stranger.sendto(data[: random_.randrange(400)], (HOST, int(rtp.group(1))))
            if number % AT_ONCE == 0:
                await asyncio.sleep(0.01)
