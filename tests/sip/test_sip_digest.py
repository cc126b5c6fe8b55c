"""Digest credentials against the examples of the RFCs, and challenges as servers write them."""

import pytest
from sipmessage import URI, Request, Response

from telephony.sip.account import SipAccount
from telephony.sip.digest import Challenge, DigestSession, challenges_of, digest_response


def challenge(algorithm: str = "MD5", qop: str | None = "auth") -> Challenge:
    return Challenge(
        "http-auth@example.org",
        "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        algorithm,
        qop,
        None,
        False,
        False,
    )


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_examples_of_rfc_7616_section_3_9_1(algorithm: str, expected: str) -> None:
    cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    found = digest_response(
        challenge(algorithm), "Mufasa", "Circle of Life", "GET", "/dir/index.html", 1, cnonce
    )
    assert found == expected


def test_without_qop_as_in_rfc_2069_erratum() -> None:
    old = Challenge(
        "testrealm@host.com", "dcd98b7102dd2f0e8b11d0f600bfb0c093", "MD5", None, None, False, False
    )
    found = digest_response(old, "Mufasa", "CircleOfLife", "GET", "/dir/index.html", 0, "")
    assert found == "1949323746fe6a43ef61f9606e7febea"


def test_sess_depends_on_the_cnonce() -> None:
    one, other = (
        digest_response(challenge("MD5-sess"), "u", "p", "INVITE", "sip:a", 1, cnonce)
        for cnonce in ("a", "b")
    )
    plain = digest_response(challenge("MD5"), "u", "p", "INVITE", "sip:a", 1, "a")
    assert len({one, other, plain}) == 3


def test_challenge_with_quoted_list_and_odd_blanks() -> None:
    found = Challenge.parse(
        'Digest  realm="a, \\"b\\"" , nonce="x=,y",qop="auth-int , auth",algorithm=sha-256,stale=TRUE, opaque=""',
        proxy=True,
    )
    assert (found.realm, found.nonce, found.qop, found.stale, found.opaque) == (
        'a, "b"',
        "x=,y",
        "auth",
        True,
        "",
    )


@pytest.mark.parametrize(
    "value",
    ["Basic realm=x", "Digest", 'Digest realm="x"', 'Digest realm="x",nonce="y",algorithm=AKAv1-MD5',
     'Digest realm="x",nonce="y",qop="auth-int"'],
)  # fmt: skip
def test_challenge_that_cannot_be_answered(value: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Challenge.parse(value, proxy=False)


def test_the_strongest_algorithm_of_a_realm_is_answered() -> None:
    response = Response(401, "Unauthorized")
    for algorithm in ("MD5", "SHA-256", "SHA-512"):
        response.headers.add(
            "WWW-Authenticate", f'Digest realm="r", nonce="{algorithm}", algorithm={algorithm}'
        )
    assert [found.algorithm for found in challenges_of(response)] == ["SHA-256"]


def test_nonce_count_goes_up_and_both_proxies_are_answered() -> None:
    session = DigestSession("u", "p")
    response = Response(407, "x")
    response.headers.add("Proxy-Authenticate", 'Digest realm="one", nonce="1", qop="auth"')
    response.headers.add("Proxy-Authenticate", 'Digest realm="two", nonce="2", qop="auth"')
    assert session.learn(response, answered=set())
    for count in ("00000001", "00000002"):
        request = Request("BYE", URI("sip", "h"))
        session.authorize(request)
        values = request.headers.getlist("Proxy-Authorization")
        assert len(values) == 2
        assert all(f"nc={count}" in value for value in values)


def test_the_next_nonce_is_taken_once_and_counted_anew() -> None:
    session = DigestSession("u", "p")
    challenge, success = Response(401, "x"), Response(200, "OK")
    challenge.headers.add("WWW-Authenticate", 'Digest realm="r", nonce="1", qop="auth"')
    success.headers.add("Authentication-Info", 'qop=auth, nextnonce="a, b"')
    assert session.learn(challenge, answered=set())
    for expected in ('nonce="1"', 'nonce="a, b"', 'nonce="a, b"'):
        request = Request("BYE", URI("sip", "h"))
        session.authorize(request)
        value = request.headers["Authorization"]
        assert expected in value
        session.take_next_nonce(success)  # the second is a repeated response
    assert "nc=00000002" in value


def test_endless_stale_challenges_are_given_up() -> None:
    session, answered = DigestSession("u", "p"), set[tuple[bool, str]]()
    response = Response(401, "x")
    response.headers.add("WWW-Authenticate", 'Digest realm="r", nonce="1", stale=true')
    tries = 0
    while session.learn(response, answered=answered, stale_retries=tries):
        tries += 1
        assert tries < 10
    assert tries == 3


def test_password_is_in_no_repr() -> None:
    account = SipAccount("6001", "very-secret", "pbx.example.com")
    assert "very-secret" not in repr(account)
