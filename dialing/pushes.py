"""What a contact centre pushes, from the web's door to the engine: who may, how often, once.

Signed as by https://www.standardwebhooks.com: HMAC-SHA256, with the contact centre's own secret, of the message's id, the
time and the body. The changes are announced, and so are in the engine as soon as an agent's event of a connector is.
"""

import base64
import binascii
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import redis
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.announce import announce
from dialing import tallies
from telephony.contact_center.rest import RestSettings
from telephony.contact_center.rest.mapping import AnswerError
from telephony.contact_center.rest.push import changes_of
from telephony.models import ContactCenter

logger = logging.getLogger(__name__)

TOLERANCE_S = 300
"""By which the sender's clock may differ from ours; a message's id is remembered for twice as long."""
LONGEST_BODY = 1024 * 1024
LONGEST_ID = 200
REFUSALS_A_MINUTE = 30
"""Wrong signatures from one address, after which it is not listened to for the rest of the minute."""
LONGEST_ANNOUNCEMENT = 7000
"""Bytes: a NOTIFY carries less than 8000."""
BROKER_TIMEOUT_S = 1.0


class PushRefusedError(Exception):
    """`word` says why, for the counter; the message is for the sender."""

    word = "unreadable"


class NotSignedError(PushRefusedError):
    """No such contact centre, one that takes no pushes, or a signature that is wrong or too old: never said which."""

    word = "unsigned"


class TooManyError(PushRefusedError):
    """`wait`: seconds."""

    word = "too_many"

    def __init__(self, message: str, wait: int) -> None:
        super().__init__(message)
        self.wait = wait


class NoBrokerError(PushRefusedError):
    """Repetitions can't be told without it, so nothing is taken."""

    word = "no_broker"


@dataclass(frozen=True, slots=True)
class Push:
    """A message as it came."""

    center: int
    id: str
    timestamp: str
    signature: str
    body: bytes
    address: str


def take(push: Push, now: float | None = None) -> int:
    """Returns how many changes went to the engine; 0 for a message that has come before. Raises PushRefusedError."""
    try:
        with _client() as client:
            taken = _take(client, push, time.time() if now is None else now)
            try:
                _tell(push, taken)
            except BaseException:
                client.delete(_told(push))  # the sender will say it again
                raise
    except PushRefusedError as refused:
        _note(push, refused)
        raise
    except redis.RedisError as error:
        away = NoBrokerError(str(error))
        _note(push, away)
        raise away from error
    return len(taken)


@transaction.atomic
def _tell(push: Push, taken: list[dict[str, Any]]) -> None:
    tallies.count_now(tallies.PUSHES, "taken" if taken else "repeated")
    for part in _parts(taken):
        announce("push", center=push.center, changes=part)


def _told(push: Push) -> str:
    """The key that says that the message has come."""
    return f"dialer:push:{push.center}:{hashlib.sha256(push.id.encode()).hexdigest()}"


def _note(push: Push, refused: PushRefusedError) -> None:
    logger.warning(
        "A push for contact centre %d from %s was refused (%s): %s",
        push.center,
        push.address,
        refused.word,
        refused,
    )
    with transaction.atomic():
        tallies.count_now(tallies.PUSHES, refused.word)


def _take(client: "redis.Redis", push: Push, now: float) -> list[dict[str, Any]]:
    """The changes, when all is right; none of a message that has come before."""
    refusals = f"dialer:push-refusals:{push.address}:{int(now // 60)}"
    known: Any = client.get(refusals)
    if int(known or 0) >= REFUSALS_A_MINUTE:
        raise TooManyError(_("Too many messages with a wrong signature came from your address."), 60)
    center = _signer(push, now)
    if center is None:
        _count(client, refusals, 120)
        raise NotSignedError
    rest = RestSettings.read(center.settings)
    if _count(client, f"dialer:pushes:{center.pk}:{int(now)}", 5) > rest.push_per_second:
        raise TooManyError(
            _("At most %(most)d messages a second are taken.") % {"most": rest.push_per_second}, 1
        )
    try:
        changes = [change.as_json() for change in changes_of(push.body, rest)]
    except AnswerError as error:
        raise PushRefusedError(f"The body {error}.") from error
    is_new = client.set(_told(push), "", nx=True, ex=2 * TOLERANCE_S)
    return changes if is_new else []


def _signer(push: Push, now: float) -> ContactCenter | None:
    """The contact centre whose secret has signed the message lately."""
    center = ContactCenter.objects.filter(pk=push.center, kind=ContactCenter.Kind.REST, enabled=True).first()
    secret = center.settings.get("push_secret") if center is not None else ""
    is_right = _is_signed(push, str(secret or "nobody's secret"))
    is_named = 0 < len(push.id) <= LONGEST_ID
    is_recent = push.timestamp.isascii() and push.timestamp.isdigit() and len(push.timestamp) < 13
    if not (secret and is_right and is_named and is_recent and abs(now - int(push.timestamp)) <= TOLERANCE_S):
        return None
    return center


def _is_signed(push: Push, secret: str) -> bool:
    """Compared in constant time, with each of the signatures: a sender that changes its secret sends two."""
    signed = b".".join((push.id.encode(), push.timestamp.encode(), push.body))
    expected = hmac.new(_key(secret), signed, hashlib.sha256).digest()
    given = [word.partition(",")[2] for word in push.signature.split() if word.startswith("v1,")]
    return any([hmac.compare_digest(expected, _decoded(word)) for word in given[:5]])  # noqa: C419 - all of them


def _key(secret: str) -> bytes:
    """`whsec_` and base64, as the tools of Standard Webhooks make it; or any other text as it is."""
    encoded = secret.removeprefix("whsec_")
    return (_decoded(encoded) if encoded != secret else b"") or secret.encode()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _parts(changes: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """As many announcements as it takes; they are heard in this order, and together."""
    part: list[dict[str, Any]] = []
    length = 0
    for change in changes:
        size = len(json.dumps(change)) + 2
        if part and length + size > LONGEST_ANNOUNCEMENT:
            yield part
            part, length = [], 0
        part.append(change)
        length += size
    if part:
        yield part


def _count(client: "redis.Redis", key: str, seconds: int) -> int:
    with client.pipeline() as pipe:
        pipe.incr(key)
        pipe.expire(key, seconds)
        counted: int = pipe.execute()[0]
    return counted


def _client() -> "redis.Redis":
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=BROKER_TIMEOUT_S, socket_connect_timeout=BROKER_TIMEOUT_S
    )
