"""Challenges: RFC 3261 section 22, RFC 7616, RFC 8760. The credentials are checked by a second hand here."""

import hashlib
import re

from telephony.results import CallResult
from telephony.sip.call import EndedBy

from .scenario import PASSWORD, Expect, Outcome, Scenario

ANSWERED = Expect(result=CallResult.ANSWERED, by=EndedBy.LOCAL)
REFUSED = Expect(result=CallResult.UNKNOWN, by=EndedBy.REJECTED, code=401)
ONE, TWO = "INVITE, ACK", "INVITE, ACK, INVITE, ACK"


def credentials_are_right(outcome: Outcome) -> None:
    """Every digest that we sent is the one that RFC 7616 asks for, and at least one was sent."""
    assert outcome.relay is not None
    checked = 0
    for message in outcome.relay.sent:
        method, uri = message.decode().split(" ")[:2]
        for line in re.findall(r"^(?:Proxy-)?Authorization: Digest (.*?)\r$", message.decode(), re.MULTILINE):
            fields = dict(re.findall(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|[^,\s]+)', line))
            fields |= dict(re.findall(r'(\w+)=([^",\s]+)', line))
            assert fields["uri"] == uri or method == "ACK"
            asked = "INVITE" if method == "ACK" else method  # the ACK repeats the INVITE's (section 22.1)
            assert fields["response"] == _digest(fields, asked), line
            checked += 1
    assert checked, outcome.story


def _digest(fields: dict[str, str], method: str) -> str:
    algorithm = fields.get("algorithm", "MD5").upper()

    def h(text: str) -> str:
        return hashlib.new("sha256" if algorithm.startswith("SHA-256") else "md5", text.encode()).hexdigest()

    realm = re.sub(r"\\(.)", r"\1", fields["realm"])
    user = h(f"{fields['username']}:{realm}:{PASSWORD}")
    if algorithm.endswith("-SESS"):
        user = h(f"{user}:{fields['nonce']}:{fields['cnonce']}")
    request = h(f"{method}:{fields['uri']}")
    if "qop" not in fields:
        return h(f"{user}:{fields['nonce']}:{request}")
    return h(f"{user}:{fields['nonce']}:{fields['nc']}:{fields['cnonce']}:{fields['qop']}:{request}")


def strongest_was_chosen(outcome: Outcome) -> None:
    credentials_are_right(outcome)
    assert outcome.relay is not None
    assert b"algorithm=SHA-256" in outcome.relay.sent[2]


def _challenge(name: str, *challenges: str, status: str = "401 Unauthorized", **more: object) -> Scenario:
    header = "Proxy-Authenticate" if status.startswith("407") else "WWW-Authenticate"
    values = {"status": status, "challenge": "\n".join(f"{header}: {challenge}" for challenge in challenges)}
    return Scenario(
        name=f"challenge_{name}",
        xml="challenged",
        values=values,
        expect=ANSWERED,
        ours=f"{TWO}, BYE",
        also=strongest_was_chosen if name.startswith("strongest") else credentials_are_right,
    )


def _in_vain(name: str, challenge: str, status: str = "401 Unauthorized") -> Scenario:
    return Scenario(
        name=f"challenge_{name}",
        xml="challenged_in_vain",
        values={"status": status, "challenge": challenge},
        expect=Expect(result=CallResult.UNKNOWN, by=EndedBy.REJECTED, code=int(status[:3])),
        ours=ONE,
    )


BASE = 'Digest realm="pbx", nonce="84f1c1ae6cbe5ua9c8e88dfa3ecm3459"'

SCENARIOS = [
    _challenge("md5", BASE),
    _challenge("md5_named", f"{BASE}, algorithm=MD5"),
    _challenge("qop_auth", f'{BASE}, qop="auth"'),
    _challenge("qop_both", f'{BASE}, qop="auth-int,auth", opaque="x\\"y"'),
    _challenge("qop_without_quotes", f"{BASE}, qop=auth, algorithm=md5"),
    _challenge("md5_sess", f'{BASE}, algorithm=MD5-sess, qop="auth"'),
    _challenge("md5_sess_without_qop", f"{BASE}, algorithm=MD5-sess"),
    _challenge("sha256", f'{BASE}, algorithm=SHA-256, qop="auth"'),
    _challenge("sha256_sess", f'{BASE}, algorithm=SHA-256-sess, qop="auth"'),
    _challenge(
        "strongest_of_two", f'{BASE}, algorithm=MD5, qop="auth"', f'{BASE}, algorithm=SHA-256, qop="auth"'
    ),
    _challenge(
        "strongest_we_know", f"{BASE}, algorithm=SHA-512-256", f"{BASE}, algorithm=SHA-256", f"{BASE}"
    ),
    _challenge("basic_beside_digest", 'Basic realm="pbx"', BASE),
    _challenge(
        "odd_but_legal", 'DIGEST  nonce = "a,b=c" , Realm="Büro \\"7\\", 2. Stock",stale=FALSE, x-new="y"'
    ),
    _challenge("of_the_proxy", f'{BASE}, qop="auth"', status="407 Proxy Authentication Required"),
    Scenario(
        name="challenge_tcp",
        xml="challenged",
        values={"status": "401 Unauthorized", "challenge": f"WWW-Authenticate: {BASE}"},
        expect=ANSWERED,
        transport="tcp",
    ),
    Scenario(
        name="challenges_of_proxy_and_pbx",
        xml="challenged_by_two",
        expect=ANSWERED,
        ours=f"{TWO}, INVITE, ACK, BYE",
        also=credentials_are_right,
    ),
    Scenario(
        name="challenge_stale",
        xml="challenged_again",
        values={"stale": "true"},
        expect=ANSWERED,
        ours=f"{TWO}, INVITE, ACK, BYE",
        also=credentials_are_right,
    ),
    Scenario(name="challenge_without_end", xml="challenged_twice", expect=REFUSED, ours=TWO),
    Scenario(name="challenge_stale_without_end", xml="challenged_for_ever", expect=REFUSED),
    _in_vain("auth_int_alone", f'WWW-Authenticate: {BASE}, qop="auth-int"'),
    _in_vain("unknown_algorithm", f"WWW-Authenticate: {BASE}, algorithm=SHA-512-256"),
    _in_vain("basic", 'Proxy-Authenticate: Basic realm="pbx"', "407 Proxy Authentication Required"),
    _in_vain("broken", 'WWW-Authenticate: Digest realm="pbx, nonce='),
    Scenario(
        name="challenge_then_busy",
        xml="challenged_then",
        values={"status": "486 Busy Here"},
        expect=Expect(result=CallResult.BUSY, by=EndedBy.REJECTED, code=486),
        also=credentials_are_right,
    ),
    Scenario(
        name="challenge_then_forbidden",
        xml="challenged_then",
        values={"status": "403 Wrong password"},
        expect=Expect(result=CallResult.UNKNOWN, by=EndedBy.REJECTED, code=403, reason="Wrong password"),
    ),
    Scenario(
        name="challenge_when_we_gave_up",
        xml="challenged_after_cancel",
        expect=Expect(result=CallResult.FAILED, by=EndedBy.CANCELLED, code=401),
        plan={"ring_timeout_s": 0.3},
        ours="INVITE, CANCEL, ACK",
    ),
    Scenario(name="challenge_nextnonce", xml="nextnonce", expect=ANSWERED, also=credentials_are_right),
    Scenario(name="challenge_to_the_bye_without_end", xml="bye_challenged_for_ever", expect=ANSWERED),
]
