"""One call without database or broker, to see whether a trunk works: what `manage.py test_call` does."""

import asyncio
import contextlib
import re
import signal
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from telephony.results import CallResult, map_result
from telephony.sip.account import SipAccount
from telephony.sip.call import EndedBy
from telephony.sip.grammar import parse_host_port
from telephony.sip.invite import target_uri
from telephony.sip.name_service import NameService
from telephony.sip.resolver import literal_address
from telephony.sip.sdes import MediaEncryption
from telephony.sip.user_agent import RegistrationFailed, UserAgent

from .call import CallPlan, place_call
from .call_report import CallReport
from .detection import Detection

EXIT_DONE, EXIT_NOT_REGISTERED = 0, 3
LONGEST_S = 86400
_USER = re.compile(r"[A-Za-z0-9\-_.!~*'&=+$,;?/%]{1,64}")  # RFC 3261 section 25.1
_NUMBER = re.compile(r"\+?[0-9*#]{1,64}")
_CALLER_NUMBER = re.compile(r"\+?[0-9]{1,32}")
AFTERCARE_S = 1.0  # the peer may repeat its last message: it is still answered


@dataclass(frozen=True, slots=True)
class TrunkCheck:
    """The arguments of `test_call`, checked."""

    account: SipAccount
    plan: CallPlan
    register: bool
    amd: bool


def check_of(
    number: str,
    registrar: str,
    *,
    transport: str = "udp",
    srtp: str = "none",
    user: str | None = None,
    password: str | None = None,
    register: bool = True,
    ring_timeout: float = 30.0,
    hold: float | None = None,
    amd: bool = False,
    transfer: str | None = None,
    caller_name: str | None = None,
    caller_number: str | None = None,
    caller_private: bool = False,
) -> TrunkCheck:
    """Check the arguments; ValueError says in a sentence what is wrong with which, and what would be right."""
    host, port = _place(registrar)
    _check_seconds("--ring-timeout", ring_timeout, least=0.1)
    if hold is not None:
        _check_seconds("--hold", hold, least=0)
    if register and (user is None or password is None):
        raise ValueError("--user and --password are needed to register; --no-register calls without")
    if user is not None and not _USER.fullmatch(user):
        raise ValueError(
            f"--user {user!r} is not an extension: give what stands before the @, without spaces"
        )
    account = SipAccount(
        username=user or "dialer",
        password=password or "",
        registrar_host=host,
        registrar_port=port,
        transport=transport,
        encryption=MediaEncryption(srtp),
        registers=register,
    )
    _check_number("NUMBER", number, account)
    if transfer is not None:
        _check_number("--transfer", transfer, account)
    if caller_number is not None and not _CALLER_NUMBER.fullmatch(caller_number):
        raise ValueError(f"--caller-number {caller_number!r} is not a number: give digits, perhaps after a +")
    if caller_name is not None and not caller_name.isprintable():
        raise ValueError("--caller-name has a control character: give one line of text")
    plan = CallPlan(
        account=account,
        number=number,
        ring_timeout_s=ring_timeout,
        hold_s=hold,
        transfer_to=transfer,
        max_call_s=ring_timeout + (hold or 0) + 180,
        caller_name=caller_name,
        caller_number=caller_number,
        caller_private=caller_private,
    )
    return TrunkCheck(account=account, plan=plan, register=register, amd=amd)


def _place(registrar: str) -> tuple[str, int | None]:
    """Host without brackets, and port if one is given."""
    try:
        host, port = parse_host_port(registrar)
    except ValueError:
        raise ValueError(
            f"--registrar {registrar!r} is not HOST or HOST:PORT: give a name or an address (of IPv6 in brackets), "
            "and a port from 1 to 65535, as pbx.example.com:5060"
        ) from None
    if host.startswith("[") and literal_address(host) is None:
        raise ValueError(
            f"--registrar {registrar!r} has no IPv6 address in its brackets, as [2001:db8::1]:5060"
        )
    return host.strip("[]"), port


def _check_seconds(name: str, seconds: float, *, least: float) -> None:
    if not least <= seconds <= LONGEST_S:  # not a number is in no range
        raise ValueError(f"{name} {seconds:g} is out of range: give seconds from {least:g} to {LONGEST_S}")


def _check_number(name: str, number: str, account: SipAccount) -> None:
    is_uri = number.lower().startswith(("sip:", "sips:", "tel:"))
    try:
        if not is_uri and not _NUMBER.fullmatch(number):
            raise ValueError
        target_uri(account, number)
    except ValueError:
        raise ValueError(
            f"{name} {number!r} can't be dialed: give digits, * and #, perhaps after a +, or a SIP URI "
            "(sip:name@host)"
        ) from None


class TrunkCheckRun:
    """Registers, calls, reports. `report` is complete when `call` returns; then comes `finish`."""

    def __init__(
        self,
        check: TrunkCheck,
        *,
        name_servers: Sequence[tuple[str, int]] = (),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._check = check
        self._agent = UserAgent(names=NameService(name_servers), tls=tls)
        self._detection = Detection(capacity=1) if check.amd else None

    async def call(self) -> tuple[CallReport, int]:
        """The report and the exit code: 0 for any outcome of the call, 3 when registering failed."""
        check = self._check
        await self._agent.start()
        if self._detection is not None:
            self._detection.start(self._agent.media)
            await self._detection.warmed_up()
        if check.register:
            started, began = datetime.now(UTC), time.monotonic()
            try:
                await self._agent.register(check.account)
            except RegistrationFailed as failure:
                report = _not_registered(check, failure)
                report.started_at, report.ended_at = started, datetime.now(UTC)
                report.duration_ms = round((time.monotonic() - began) * 1000)
                return report, EXIT_NOT_REGISTERED
        cancel = asyncio.Event()
        with contextlib.suppress(NotImplementedError, RuntimeError):
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, cancel.set)
        detector = self._detection.call() if self._detection is not None else None
        early = self._detection.early() if self._detection is not None else None
        report = await place_call(self._agent, check.plan, detector=detector, early=early, cancel=cancel)
        return report, EXIT_DONE

    async def finish(self) -> None:
        """Answer what still comes for about a second, un-register, close."""
        await asyncio.sleep(AFTERCARE_S)
        await self._agent.stop()
        if self._detection is not None:
            self._detection.close()


def _not_registered(check: TrunkCheck, failure: RegistrationFailed) -> CallReport:
    return CallReport(
        number=check.plan.number,
        result=map_result(failure.code, None) if failure.code else CallResult.SERVICE_TEMPORARY_UNAVAILABLE,
        sip_code=failure.code,
        reason=f"registration failed: {failure.reason}",
        ended_by=EndedBy.REJECTED if failure.code else EndedBy.TIMEOUT,
    )
