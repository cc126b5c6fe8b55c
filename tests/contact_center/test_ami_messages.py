"""The wire format of AMI: whole, in pieces, recorded, broken and hostile."""

import random
from pathlib import Path

import pytest

from telephony.contact_center.asterisk_ami.messages import (
    LONGEST_MESSAGE,
    AmiParser,
    AmiSyntaxError,
    Message,
    action,
)
from tests.contact_center.ami_peer import GREETING, caller, message, status
from tests.sip.test_sip_messages import SHARED

SAMPLES = sorted((SHARED / "pbx-lab" / "samples").glob("ev-*.log"))
"""Recordings of a real Asterisk, where the lab's folder is at hand."""


def parse(data: bytes, piece: int = 4096) -> list[Message]:
    parser = AmiParser()
    return [found for at in range(0, len(data), piece) for found in parser.feed(data[at : at + piece])]


TALK = GREETING + message(Response="Success", ActionID="login") + status("7101", 6) + caller("Join", "a", 1)


def test_a_greeting_and_messages_are_read() -> None:
    login, member, join = parse(TALK)
    assert (login.response, login.event, login.action_id) == ("Success", "", "login")
    assert (member.event, member.get("interface"), member.number("Status")) == (
        "QueueMemberStatus",
        "PJSIP/7101",
        6,
    )
    assert (join.event, join.number("Count"), join.get("Nothing"), join.number("Event")) == ("Join", 1, "", 0)


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 64])
def test_pieces_of_any_size_give_the_same_messages(piece: int) -> None:
    assert parse(TALK, piece) == parse(TALK)


def test_lines_may_end_without_a_carriage_return_and_hold_any_byte() -> None:
    data = GREETING + b"Event: X\nName: \xff\xc3\xa9 : more\nno colon here\n: empty\nName: second\n\n\r\n\r\n"
    (found,) = parse(data)
    assert found.get("Name") == "\ufffdé : more"  # the first one: a caller's name can't replace a header
    assert found.fields.keys() == {"event", "name", ""}


@pytest.mark.parametrize(
    "hostile",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b"\0" * 300,
        b"SSH-2.0-OpenSSH_9.2\n",
        GREETING + b"x" * (LONGEST_MESSAGE + 1),
        GREETING + b"Name: value\r\n" * 1001,
        GREETING + (b"N: " + b"v" * 9000 + b"\r\n") * 40,
    ],
)
def test_strangers_and_floods_are_errors(hostile: bytes) -> None:
    with pytest.raises(AmiSyntaxError):
        parse(hostile, piece=1000)


def test_noise_never_raises_anything_else() -> None:
    dice = random.Random(6)
    for _ in range(300):
        noise = bytearray(TALK)
        for _ in range(dice.randrange(1, 20)):
            noise[dice.randrange(len(GREETING), len(noise))] = dice.choice(b"\r\n: \0\xffA")
        parse(bytes(noise), piece=dice.randrange(1, 50))


def test_an_action_is_one_message_whatever_is_in_its_values() -> None:
    assert action("Login", "1", Username="dïaler") == (
        "Action: Login\r\nActionID: 1\r\nUsername: dïaler\r\n\r\n".encode()
    )
    with pytest.raises(ValueError, match="one line"):
        action("Login", "1", Username="a\r\nAction: Originate")


@pytest.mark.skipif(not SAMPLES, reason="the recordings are not at hand")
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_recordings_of_an_asterisk_are_read_without_loss(sample: Path) -> None:
    lines = [line.partition("\t")[2] for line in sample.read_text().splitlines()]
    data = "\r\n\r\n".join(line.replace(" | ", "\r\n") for line in lines).encode() + b"\r\n\r\n"
    for piece in (1460, 65536):
        found = parse(data, piece)
        assert len(found) == len(lines)
        assert all(one.event or one.response for one in found)
