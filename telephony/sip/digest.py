"""Digest authentication of our own requests: RFC 3261 section 22, RFC 7616, RFC 8760.

MD5, MD5-sess, SHA-256 and SHA-256-sess, qop auth or none. One `DigestSession` belongs to one registration or
call; it remembers the last nonce of each realm, so that later requests carry credentials at once.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass, field, replace

from sipmessage import Request, Response

from .grammar import quote_string, unquote_string

_ALGORITHMS = {"sha-256-sess": 4, "sha-256": 3, "md5-sess": 2, "md5": 1}
_AUTH_PARAM = re.compile(r"\s*([^\s=,\"]+)\s*=\s*(\"(?:[^\"\\]|\\.)*\"|[^\s,\"]*)\s*(?:,|$)")
MAX_STALE_RETRIES = 3


@dataclass(frozen=True, slots=True)
class Challenge:
    """One digest challenge of a 401 or 407."""

    realm: str
    nonce: str
    algorithm: str
    qop: str | None
    opaque: str | None
    stale: bool
    proxy: bool

    @classmethod
    def parse(cls, value: str, *, proxy: bool) -> "Challenge":
        """Read one WWW-Authenticate or Proxy-Authenticate value; ValueError when we can't answer it."""
        scheme, _, text = value.strip().partition(" ")
        if scheme.lower() != "digest":
            raise ValueError("authentication scheme is not digest")
        params = _auth_params(text)
        algorithm = params.get("algorithm", "MD5")
        if algorithm.lower() not in _ALGORITHMS:
            raise ValueError("digest algorithm is not supported")
        if "nonce" not in params or "realm" not in params:
            raise ValueError("challenge has no nonce or realm")
        offered = [option.strip().lower() for option in params.get("qop", "").split(",") if option.strip()]
        if offered and "auth" not in offered:
            raise ValueError("qop is not supported")
        return cls(
            realm=params["realm"],
            nonce=params["nonce"],
            algorithm=algorithm,
            qop="auth" if offered else None,
            opaque=params.get("opaque"),
            stale=params.get("stale", "").lower() == "true",
            proxy=proxy,
        )


def _auth_params(text: str) -> dict[str, str]:
    """`name=value, name="value"`, up to where it can't be read."""
    params: dict[str, str] = {}
    position = 0
    while match := _AUTH_PARAM.match(text, position):
        params.setdefault(match.group(1).lower(), unquote_string(match.group(2)))
        position = match.end()
    return params


def challenges_of(response: Response) -> list[Challenge]:
    """The challenge to answer for each realm: the strongest algorithm we know (RFC 8760 section 2.4)."""
    best: dict[tuple[bool, str], Challenge] = {}
    for name, proxy in (("WWW-Authenticate", False), ("Proxy-Authenticate", True)):
        for value in response.headers.getlist(name):
            try:
                challenge = Challenge.parse(value, proxy=proxy)
            except ValueError:
                continue
            known = best.get((proxy, challenge.realm))
            if known is None or _strength(challenge) > _strength(known):
                best[proxy, challenge.realm] = challenge
    return list(best.values())


def _strength(challenge: Challenge) -> int:
    return _ALGORITHMS[challenge.algorithm.lower()]


def digest_response(
    challenge: Challenge, username: str, password: str, method: str, uri: str, nc: int, cnonce: str
) -> str:
    """The `response` value of RFC 7616 section 3.4.1."""
    name = challenge.algorithm.lower()
    hasher = hashlib.sha256 if name.startswith("sha-256") else hashlib.md5

    def h(text: str) -> str:
        return hasher(text.encode()).hexdigest()

    secret = h(f"{username}:{challenge.realm}:{password}")
    if name.endswith("-sess"):
        secret = h(f"{secret}:{challenge.nonce}:{cnonce}")
    action = h(f"{method}:{uri}")
    if challenge.qop is None:
        return h(f"{secret}:{challenge.nonce}:{action}")
    return h(f"{secret}:{challenge.nonce}:{nc:08x}:{cnonce}:{challenge.qop}:{action}")


@dataclass(slots=True)
class _Answer:
    challenge: Challenge
    count: int = 0
    cnonce: str = field(default_factory=lambda: secrets.token_hex(8))


class DigestSession:
    """Answers the challenges of one registration or call."""

    def __init__(self, username: str, password: str) -> None:
        self._username = username
        self._password = password
        self._answers: dict[tuple[bool, str], _Answer] = {}

    def authorize(self, request: Request) -> None:
        """Put credentials for every known realm on the request; the nonce count goes up."""
        request.headers.remove("Authorization")
        request.headers.remove("Proxy-Authorization")
        for answer in self._answers.values():
            answer.count += 1
            name = "Proxy-Authorization" if answer.challenge.proxy else "Authorization"
            request.headers.add(name, self._credentials(answer, request))

    def learn(self, response: Response, *, answered: "set[tuple[bool, str]]", stale_retries: int = 0) -> bool:
        """Take the challenges of a 401 or 407. True: worth another try.

        `answered` holds the realms this request already answered: the same realm asking again without
        `stale` refuses the password (RFC 3261 section 22.2).
        """
        fresh = False
        for challenge in challenges_of(response):
            realm = (challenge.proxy, challenge.realm)
            if realm in answered and not (challenge.stale and stale_retries < MAX_STALE_RETRIES):
                return False
            self._answers[realm] = _Answer(challenge)
            answered.add(realm)
            fresh = True
        return fresh

    def take_next_nonce(self, response: Response) -> None:
        """Authentication-Info of a 2xx may name the nonce of our next request (RFC 7616 section 3.5)."""
        for name, proxy in (("Authentication-Info", False), ("Proxy-Authentication-Info", True)):
            nonce = _auth_params(response.headers.get(name) or "").get("nextnonce")
            realms = [realm for realm in self._answers if realm[0] is proxy]
            if not nonce or len(realms) != 1:  # the header does not say which realm it means
                continue
            known = self._answers[realms[0]].challenge
            if known.nonce != nonce:  # a repeated response names it again
                self._answers[realms[0]] = _Answer(replace(known, nonce=nonce))

    def _credentials(self, answer: _Answer, request: Request) -> str:
        challenge = answer.challenge
        uri = str(request.uri)
        response = digest_response(
            challenge, self._username, self._password, request.method, uri, answer.count, answer.cnonce
        )
        fields = [
            f"username={quote_string(self._username)}",
            f"realm={quote_string(challenge.realm)}",
            f"nonce={quote_string(challenge.nonce)}",
            f"uri={quote_string(uri)}",
            f'response="{response}"',
            f"algorithm={challenge.algorithm}",
        ]
        if challenge.opaque is not None:
            fields.append(f"opaque={quote_string(challenge.opaque)}")
        if challenge.qop is not None or challenge.algorithm.lower().endswith("-sess"):
            fields.append(f'cnonce="{answer.cnonce}"')
        if challenge.qop is not None:
            fields += [f"qop={challenge.qop}", f"nc={answer.count:08x}"]
        return "Digest " + ", ".join(fields)
