"""Host names to places: RFC 3263 and 2782, with a name server on loopback."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from telephony.sip.grammar import parse_uri
from telephony.sip.name_service import Service
from telephony.sip.resolver import Resolver, in_order
from telephony.sip.transport import Destination
from tests.patience import PATIENCE

from .dns_server import DnsServer, dns_server

Story = Callable[[DnsServer, Resolver], Awaitable[None]]


def play(story: Story) -> None:
    async def run() -> None:
        async with asyncio.timeout(PATIENCE), dns_server() as dns:
            resolver = Resolver(dns.names())
            await story(dns, resolver)
            resolver.close()

    asyncio.run(run())


def where(places: list[Destination]) -> list[str]:
    return [str(place) for place in places]


def test_priority_goes_first_and_weight_decides_within_it() -> None:
    light, heavy = Service(10, 1, 5060, "light"), Service(10, 9, 5060, "heavy")
    last, unweighted = Service(20, 99, 5060, "last"), Service(10, 0, 5060, "unweighted")
    services = [last, heavy, light]
    assert in_order(services, lambda low, high: high) == [heavy, light, last]
    assert in_order(services, lambda low, high: low) == [light, heavy, last]
    assert in_order([heavy, unweighted], lambda low, high: low) == [unweighted, heavy]
    firsts = [in_order(services, lambda low, high, n=n: high * n / 100)[0] for n in range(1, 101)]  # type: ignore[misc]
    assert (firsts.count(light), firsts.count(heavy)) == (10, 90)


def test_a_name_without_a_port_goes_where_its_srv_records_say() -> None:
    async def story(dns: DnsServer, resolver: Resolver) -> None:
        dns.serve("_sip._udp.pbx.test", (20, 0, 5070, "b.pbx.test."), (10, 0, 5080, "a.pbx.test."))
        dns.zone["a.pbx.test", "AAAA"] = ["::1"]
        places = await resolver.destinations("pbx.test", None, "udp")
        assert where(places) == ["udp:127.0.0.1:5080", "udp:[::1]:5080", "udp:127.0.0.1:5070"]

    play(story)


@pytest.mark.parametrize(
    ("transport", "service", "port"),
    [("udp", "_sip._udp", 5060), ("tcp", "_sip._tcp", 5060), ("tls", "_sips._tcp", 5061)],
)
def test_without_srv_records_it_is_the_address_and_the_transports_port(
    transport: str, service: str, port: int
) -> None:
    async def story(dns: DnsServer, resolver: Resolver) -> None:
        dns.zone["pbx.test", "A"] = ["127.0.0.2", "127.0.0.3"]
        dns.zone["pbx.test", "AAAA"] = ["::1"]
        places = await resolver.destinations("pbx.test", None, transport)
        hosts = ("127.0.0.2", "127.0.0.3", "[::1]")  # DNS gives those of one family in any order
        assert sorted(where(places[:2])) + where(places[2:]) == [
            f"{transport}:{host}:{port}" for host in hosts
        ]
        assert dns.asked[0] == (f"{service}.pbx.test", "SRV")

    play(story)


def test_a_given_port_means_no_srv_and_an_address_means_no_question_at_all() -> None:
    async def story(dns: DnsServer, resolver: Resolver) -> None:
        dns.serve("_sip._udp.pbx.test", (10, 0, 5080, "a.pbx.test."))
        dns.zone["pbx.test", "A"] = ["127.0.0.2"]
        assert where(await resolver.destinations("pbx.test", 5090, "udp")) == ["udp:127.0.0.2:5090"]
        assert {kind for _, kind in dns.asked} == {"A", "AAAA"}
        dns.asked.clear()
        assert where(await resolver.destinations("192.0.2.1", None, "udp")) == ["udp:192.0.2.1:5060"]
        assert where(await resolver.destinations("[2001:db8::1]", None, "tls")) == ["tls:[2001:db8::1]:5061"]
        assert dns.asked == []

    play(story)


def test_the_certificate_is_that_of_the_name_and_not_of_its_target() -> None:
    async def story(dns: DnsServer, resolver: Resolver) -> None:
        dns.serve("_sips._tcp.pbx.test", (10, 0, 5061, "node7.elsewhere.test."))
        (place,) = await resolver.destinations("pbx.test", None, "tls")
        assert place.name == "pbx.test"

    play(story)


@pytest.mark.parametrize("target", [".", "gone.pbx.test."])
def test_srv_records_that_lead_nowhere_are_an_error_in_words(
    target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(dns: DnsServer, resolver: Resolver) -> None:
        async def no_system_names(host: str) -> tuple[str, ...]:
            raise OSError(f"{host} is not known")

        monkeypatch.setattr(resolver._names, "_ask_the_system", no_system_names)
        dns.zone["_sip._udp.pbx.test", "SRV"] = [f"0 0 5060 {target}"]
        with pytest.raises(OSError, match="SRV records for UDP lead nowhere"):
            await resolver.destinations("pbx.test", None, "udp")

    play(story)


def test_records_are_kept_as_long_as_their_ttl_and_asked_for_once() -> None:
    async def story(dns: DnsServer, resolver: Resolver) -> None:
        dns.serve("_sip._udp.pbx.test", (10, 0, 5080, "a.pbx.test."))
        await asyncio.gather(*(resolver.destinations("pbx.test", None, "udp") for _ in range(300)))
        assert sorted(dns.asked) == [
            ("_sip._udp.pbx.test", "SRV"),
            ("a.pbx.test", "A"),
            ("a.pbx.test", "AAAA"),
        ]

    play(story)


def test_a_short_ttl_lets_a_change_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telephony.sip.name_service.KEEP_S", (0.0, 3600.0))

    async def story(dns: DnsServer, resolver: Resolver) -> None:
        dns.ttl = 0
        for port in (5080, 5090):
            dns.serve("_sip._udp.pbx.test", (10, 0, port, "a.pbx.test."))
            assert where(await resolver.destinations("pbx.test", None, "udp")) == [f"udp:127.0.0.1:{port}"]

    play(story)


@pytest.mark.parametrize("trouble", ["is_silent", "fails"])
def test_while_dns_is_down_what_was_known_goes_on(trouble: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telephony.sip.name_service.KEEP_S", (0.0, 3600.0))
    monkeypatch.setattr("telephony.sip.name_service.ASK_S", 0.3)

    async def story(dns: DnsServer, resolver: Resolver) -> None:
        dns.ttl = 0
        dns.serve("_sip._udp.pbx.test", (10, 0, 5080, "a.pbx.test."))
        before = await resolver.destinations("pbx.test", None, "udp")
        setattr(dns, trouble, True)
        assert await resolver.destinations("pbx.test", None, "udp") == before

    play(story)


def test_a_name_server_that_is_silent_leaves_the_systems_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("telephony.sip.name_service.ASK_S", 0.3)

    async def story(dns: DnsServer, resolver: Resolver) -> None:
        dns.is_silent = True
        assert "udp:127.0.0.1:5080" in where(await resolver.destinations("localhost", 5080, "udp"))
        assert dns.asked == []  # the hosts file goes first
        monkeypatch.setattr("telephony.sip.name_service.HOSTS_FILE", tmp_path / "none")
        assert "udp:127.0.0.1:5060" in where(await resolver.destinations("localhost", None, "udp"))

    play(story)


def test_a_dialog_stays_with_the_place_it_came_through() -> None:
    async def story(dns: DnsServer, resolver: Resolver) -> None:
        dns.serve("_sip._udp.pbx.test", (10, 0, 5080, "a.pbx.test."), (20, 0, 5090, "b.pbx.test."))
        found: asyncio.Queue[Sequence[Destination]] = asyncio.Queue()
        for uri, came_through, goes_to in (
            ("sip:peer@pbx.test", 5090, 5090),
            ("sip:peer@pbx.test", 5070, 5080),
            ("sip:peer@127.0.0.1:5066", 5090, 5066),
        ):
            way = Destination("udp", "127.0.0.1", came_through)
            resolver.resolve(parse_uri(uri), way, found.put_nowait)
            assert (await found.get())[0].port == goes_to

    play(story)


def test_a_place_that_failed_is_avoided_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(dns: DnsServer, resolver: Resolver) -> None:
        place, other = Destination("udp", "127.0.0.1", 5080), Destination("udp", "127.0.0.1", 5090)
        resolver.failed(place)
        assert (resolver.has_failed(place), resolver.has_failed(other)) == (True, False)
        monkeypatch.setattr("telephony.sip.resolver.AVOID_S", -1.0)
        resolver.failed(place)
        assert not resolver.has_failed(place)

    play(story)
