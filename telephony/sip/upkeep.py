"""How the ways to our registrars are kept open and watched."""

from dataclasses import dataclass


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
