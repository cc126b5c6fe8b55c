"""`manage.py test_call NUMBER --registrar HOST:PORT`: one call, to check a trunk. No database, no broker."""

import asyncio
import json
import ssl
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from dialing.call_report import CallReport
from dialing.trunk_check import TrunkCheck, TrunkCheckRun, check_of
from telephony.rtp.quality import MediaQuality
from telephony.sip.sdes import MediaEncryption
from telephony.sip.tls import client_context

EXIT_WRONG_ARGUMENTS = 2


class Command(BaseCommand):
    help = "Make one call through a SIP trunk and print what became of it; the last line is a JSON object."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("number", help="the number to call, or a SIP URI")
        parser.add_argument(
            "--registrar", required=True, metavar="HOST[:PORT]", help="without a port DNS says where (SRV)"
        )
        parser.add_argument("--transport", choices=("udp", "tcp", "tls"), default="udp")
        parser.add_argument(
            "--srtp",
            choices=[str(choice) for choice in MediaEncryption],
            default="none",
            help="encryption of the audio, with keys in the SDP",
        )
        parser.add_argument("--user", help="extension of the dialer port")
        parser.add_argument("--password")
        parser.add_argument("--no-register", action="store_true", help="call without registering first")
        parser.add_argument("--ring-timeout", type=float, default=30.0, metavar="S")
        parser.add_argument(
            "--hold", type=float, metavar="S", help="stay on the answered call so many seconds"
        )
        parser.add_argument("--amd", action="store_true", help="hang up on an answering machine")
        parser.add_argument("--transfer", metavar="PILOT", help="transfer the person to this number")
        parser.add_argument("--caller-name", metavar="NAME", help="the name that the called person sees")
        parser.add_argument(
            "--caller-number", metavar="NUMBER", help="the number that the called person sees"
        )
        parser.add_argument(
            "--caller-private", action="store_true", help="the called person sees an anonymous call"
        )
        parser.add_argument("--json", action="store_true", help="print the JSON object only")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            check = check_of(
                options["number"],
                options["registrar"],
                transport=options["transport"],
                srtp=options["srtp"],
                user=options["user"],
                password=options["password"],
                register=not options["no_register"],
                ring_timeout=options["ring_timeout"],
                hold=options["hold"],
                amd=options["amd"],
                transfer=options["transfer"],
                caller_name=options["caller_name"],
                caller_number=options["caller_number"],
                caller_private=options["caller_private"],
            )
            tls = client_context(settings.SIP_TLS_CERTIFICATE, settings.SIP_TLS_KEY)
        except ValueError as error:
            raise CommandError(str(error), returncode=EXIT_WRONG_ARGUMENTS) from None
        if options["srtp"] != "none" and options["transport"] != "tls":
            self.stderr.write("Without --transport tls, whoever reads the signalling can decrypt the audio.")
        code = asyncio.run(self._run(check, tls, only_json=options["json"]))
        if code:
            sys.exit(code)

    async def _run(self, check: TrunkCheck, tls: ssl.SSLContext | None, *, only_json: bool) -> int:
        run = TrunkCheckRun(check, name_servers=settings.SIP_DNS_SERVERS, tls=tls)
        report, code = await run.call()
        if not only_json:
            for line in _story(report):
                self.stdout.write(line)
        self.stdout.write(json.dumps(report.as_json()))
        self.stdout.flush()
        await run.finish()
        return code


def _story(report: CallReport) -> list[str]:
    """The call for people, one line a step."""
    lines = [f"registered: {'yes' if report.registered else 'no'}"]
    if report.ringing_ms is not None:
        lines.append(f"ringing after {report.ringing_ms} ms")
    if report.early_media is not None:
        lines.append(f"heard before the answer: {report.early_media.kind} ({report.early_media.why})")
    if report.answered_ms is not None:
        lines.append(f"answered after {report.answered_ms} ms, {report.audio_frames} packets of audio heard")
    if report.media is not None:
        lines.append(_media_words(report.media))
    if report.amd is not None:
        lines.append(f"{report.amd.verdict} after {report.amd.decision_ms} ms: {report.amd.cause}")
    if report.transfer is not None:
        lines.append(f"transfer: {report.transfer.accepted_code}, then {report.transfer.final_code}")
    why = f" ({report.reason})" if report.reason else ""
    lines.append(
        f"{report.result}{why}, SIP {report.sip_code}, Q.850 {report.q850_cause}, ended by {report.ended_by}"
    )
    return lines


def _media_words(media: MediaQuality) -> str:
    """How good the audio was; the peer's side where it reports (RTCP)."""
    words = f"audio: {media.packets_in} packets in, {media.lost} lost, jitter {media.jitter_ms} ms, {media.packets_out} out"
    if media.peer_lost is not None:
        words += f", {media.peer_lost} lost, jitter {media.peer_jitter_ms} ms"
    if media.round_trip_ms is not None:
        words += f", round trip {media.round_trip_ms} ms"
    return f"{words}, {media.encryption or 'not encrypted'}"
