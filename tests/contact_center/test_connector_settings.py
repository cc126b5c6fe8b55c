"""Settings that are wrong: each kind names the field, in one sentence."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from telephony.contact_center import CONNECTOR_KINDS, make_connector
from telephony.contact_center.rest.settings import DEFAULT_PATHS

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "contact-centres.md"

AMI = {"host": "pbx.example", "username": "dialer", "password": "s3cr3t"}
REST = {"url": "https://cc.example/agents"}
IVR = {"pilot": "8000", "channels": 5}


def test_what_is_right_needs_no_more_than_the_necessary() -> None:
    assert set(CONNECTOR_KINDS) == {"asterisk_ami", "demo", "rest"}
    make_connector("asterisk_ami", AMI)
    make_connector("rest", REST)
    make_connector("rest", {"url": "http://127.0.0.1:8080/agents"})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"host": None}, "host must be a host name or an address, not absent"),
        ({"host": ""}, "host must be"),
        ({"port": "5038"}, "port must be a number from 1 to 65535, not '5038'"),
        ({"port": 5038.5}, "port must be a whole number"),
        ({"port": True}, "port must be"),
        ({"username": "a\r\nb"}, "username must be a text"),
        ({"password": None}, "password is missing"),
        ({"password": ["s3cr3t"]}, "password must be one line of text"),
        ({"login": "digest"}, "login must be one of md5, plain"),
        ({"tls": "yes"}, "tls must be true or false"),
        ({"wrapup_s": -1}, "wrapup_s must be a number from 0 to 3600, not -1"),
        ({"wrapup_s": float("nan")}, "wrapup_s must be"),
        ({"queues": ["sales"]}, "queues must be a JSON object"),
        ({"queues": {"sales": 7000}}, r"queues.sales must be a pilot number in quotes"),
        ({"queues": {"sales": {}}}, r"queues.sales.pilot must be a pilot number"),
        ({"queues": {"sales": {"pilot": "7000", "wrapup": 3}}}, r"queues.sales.wrapup is no setting here"),
        ({"ivrs": {"menu": "8000"}}, r"ivrs.menu must be a JSON object"),
        ({"ivrs": {"menu": {"pilot": "8000"}}}, r"ivrs.menu.channels must be a number"),
        ({"ivrs": {"menu": {**IVR, "extension": "8"}}}, r"ivrs.menu.context is missing"),
        ({"ivrs": {"menu": {**IVR, "context": "a", "user_event": "b"}}}, "exclude each other"),
        ({"queues": {"menu": "7000"}, "ivrs": {"menu": IVR}}, r"ivrs.menu has the name of a queue"),
        ({"prot": 5038}, "prot is no setting here; known are: .*port"),
    ],
)
def test_ami_settings_that_are_wrong_are_named(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words) as refusal:
        make_connector("asterisk_ami", {**AMI, **change})
    assert "s3cr3t" not in str(refusal.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"url": None}, "url must be an address that begins with https://, not absent"),
        ({"url": "http://cc.example/agents"}, "url must be an address that begins with https://"),
        ({"url": "ftp://cc.example"}, "url must be"),
        ({"url": "https://"}, "url must be"),
        ({"url": "https://a:b@cc.example"}, "url must be without a password"),
        ({"url": "https://cc.example:99999/"}, "url .* is no address"),
        ({"interval_ms": 10}, "interval_ms must be a number from 100 to 60000"),
        ({"timeout_s": 0}, "timeout_s must be"),
        ({"paths": {"queues": "a..b"}}, r"paths.queues: 'a..b' is no path"),
        ({"paths": {"que": "a"}}, r"paths.que is no setting here"),
        ({"states": {"ready": "IDLE"}}, r"states.ready must be one of FREE, BUSY"),
        ({"pilots": {"sales": ""}}, r"pilots.sales must be a pilot number"),
        ({"token": "s3cr3t", "username": "a", "password": "b"}, "exclude each other"),
        ({"username": "a"}, "username and password go together"),
        ({"token": 5}, "token must be one line of text"),
        ({"tokn": "s3cr3t"}, "tokn is no setting here"),
    ],
)
def test_rest_settings_that_are_wrong_are_named(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words) as refusal:
        make_connector("rest", {**REST, **change})
    assert "s3cr3t" not in str(refusal.value)


def test_settings_that_are_no_object_are_refused() -> None:
    for kind in CONNECTOR_KINDS:
        wrong: Any = ["host"]
        with pytest.raises(ValueError, match="settings must be a JSON object"):
            make_connector(kind, wrong)


def test_the_examples_of_the_documentation_are_right() -> None:
    sections = re.split(r"^## .*\(`(\w+)`\)$", DOCUMENTATION.read_text(), flags=re.MULTILINE)[1:]
    found = []
    for kind, text in zip(sections[::2], sections[1::2], strict=True):
        blocks = re.findall(r"(?:^    .*\n)+", text, flags=re.MULTILINE)
        examples = [
            block
            for block in blocks
            if block.startswith("    {\n") and ('"host"' in block or '"url"' in block)
        ]
        examples += re.findall(r"`(\{\"host\".*?\})`", text)
        found += [make_connector(kind, json.loads(example)) for example in examples]
    assert [type(connector).__name__ for connector in found] == [
        "AmiConnector",
        "RestConnector",
        "RestConnector",
        "DemoConnector",
    ]


def test_the_documentation_names_every_setting() -> None:
    text = DOCUMENTATION.read_text()
    known = {
        *AMI,
        "port",
        "tls",
        "ca_file",
        "login",
        "queues",
        "wrapup_s",
        "ivrs",
        "stale_after_s",
        "resync_s",
    }
    known |= {"url", "token", "interval_ms", "timeout_s", "pilots", "paths", "states", *DEFAULT_PATHS}
    assert [name for name in sorted(known) if f"`{name}`" not in text] == []
