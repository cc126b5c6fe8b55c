"""A SIP phone on a raw UDP socket, written for these tests alone: it sends what it is told, broken things too."""

import hashlib
import itertools
import re
import socket
import struct
import time
from dataclasses import dataclass, field

from tests.patience import PATIENCE

_numbers = itertools.count(1)


@dataclass
class RawMessage:
    start: str
    headers: dict[str, list[str]]
    body: str

    @property
    def code(self) -> int:
        return int(self.start.split()[1]) if self.start.startswith("SIP/2.0 ") else 0

    @property
    def method(self) -> str:
        return self.header("CSeq").split()[1]

    @property
    def is_request(self) -> bool:
        return not self.start.startswith("SIP/2.0 ")

    def header(self, name: str) -> str:
        return self.headers.get(name.lower(), [""])[0]

    @property
    def to_tag(self) -> str:
        found = re.search(r";tag=([^;]+)", self.header("To"))
        return found[1] if found else ""


def read_message(data: bytes) -> RawMessage:
    head, _, body = data.decode().partition("\r\n\r\n")
    lines = head.split("\r\n")
    headers: dict[str, list[str]] = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers.setdefault(name.strip().lower(), []).append(value.strip())
    return RawMessage(lines[0], headers, body)


def digest_header(challenge: str, user: str, password: str, method: str, uri: str) -> str:
    values = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge))
    ha1 = hashlib.md5(f"{user}:{values['realm']}:{password}".encode()).hexdigest()
    ha2 = hashlib.md5(f"{method}:{uri}".encode()).hexdigest()
    text = f"{ha1}:{values['nonce']}:00000001:abc:auth:{ha2}"
    return (
        f'Digest username="{user}", realm="{values["realm"]}", nonce="{values["nonce"]}", uri="{uri}", '
        f'response="{hashlib.md5(text.encode()).hexdigest()}", algorithm=MD5, qop=auth, cnonce="abc", nc=00000001'
    )


@dataclass
class RawCall:
    """What the phone remembers of one INVITE."""

    number: str
    call_id: str
    from_tag: str
    branch: str
    cseq: int
    to_header: str = ""
    target: str = ""
    codes: list[int] = field(default_factory=list)
    answer: RawMessage | None = None
    invite: bytes = b""

    @property
    def remote_rtp(self) -> tuple[str, int]:
        assert self.answer is not None
        port = re.search(r"m=audio (\d+)", self.answer.body)
        assert port
        return ("127.0.0.1", int(port[1]))


class RawPhone:
    """One dialer port. `listen` keeps what came for something else in `others`."""

    def __init__(self, sip_port: int, user: str = "6001", password: str | None = None) -> None:
        self.server = ("127.0.0.1", sip_port)
        self.user = user
        self.password = f"pw{user}" if password is None else password
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]
        self.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.rtp.bind(("127.0.0.1", 0))
        self.rtp_port: int = self.rtp.getsockname()[1]
        self.others: list[RawMessage] = []
        self.answered: set[str] = set()  # Via of requests that were answered, to know them again

    def close(self) -> None:
        self.socket.close()
        self.rtp.close()

    # Wire

    def send(self, data: bytes) -> None:
        self.socket.sendto(data, self.server)

    def receive(self, timeout: float = PATIENCE) -> RawMessage:
        self.socket.settimeout(timeout)
        return read_message(self.socket.recv(65536))

    def response(self, method: str, timeout: float = PATIENCE) -> RawMessage:
        """The next response to `method`; requests of the PBX are kept in `others`."""
        deadline = time.monotonic() + timeout
        while True:
            message = self.receive(max(0.01, deadline - time.monotonic()))
            if not message.is_request and message.method == method:
                return message
            self.others.append(message)

    def final(self, method: str, timeout: float = PATIENCE) -> RawMessage:
        while (message := self.response(method, timeout)).code < 200:
            pass
        return message

    def incoming(self, method: str, timeout: float = PATIENCE, answer: int = 200) -> RawMessage:
        """The next request of the PBX with this method; it is answered unless `answer` is 0."""
        deadline = time.monotonic() + timeout
        while True:
            kept = next((one for one in self.others if one.is_request and one.method == method), None)
            if kept is not None:
                self.others.remove(kept)
                message = kept
            else:
                message = self.receive(max(0.01, deadline - time.monotonic()))
            if message.header("Via") in self.answered:
                self.answer(message, answer)  # heard before
                continue
            if message.is_request and message.method == method:
                if answer:
                    self.answered.add(message.header("Via"))
                    self.answer(message, answer)
                return message
            self.others.append(message)

    def silent_for(self, seconds: float) -> bool:
        """Whether nothing comes for so long."""
        try:
            self.others.append(self.receive(seconds))
        except TimeoutError:
            return True
        return False

    def answer(self, request: RawMessage, code: int = 200) -> None:
        names = ("Via", "From", "To", "Call-ID", "CSeq")
        head = "".join(f"{name}: {value}\r\n" for name in names for value in request.headers[name.lower()])
        self.send(f"SIP/2.0 {code} X\r\n{head}Content-Length: 0\r\n\r\n".encode())

    # Requests

    def new_branch(self) -> str:
        return f"z9hG4bK-raw-{self.port}-{next(_numbers)}"

    def build(
        self,
        method: str,
        uri: str,
        *,
        to: str,
        call_id: str,
        cseq: int,
        from_tag: str = "raw",
        branch: str | None = None,
        extra: str = "",
        body: str = "",
        cseq_method: str | None = None,
    ) -> bytes:
        content = "Content-Type: application/sdp\r\n" if body else ""
        return (
            f"{method} {uri} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};rport;branch={branch or self.new_branch()}\r\n"
            f"From: <sip:{self.user}@127.0.0.1>;tag={from_tag}\r\n"
            f"To: {to}\r\n"
            f"Call-ID: {call_id}\r\n"
            f"CSeq: {cseq} {cseq_method or method}\r\n"
            f"Contact: <sip:{self.user}@127.0.0.1:{self.port}>\r\n"
            f"Max-Forwards: 70\r\n{extra}{content}Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    def sdp(self, codecs: str = "0 8", direction: str = "sendrecv") -> str:
        return (
            "v=0\r\no=raw 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {self.rtp_port} RTP/AVP {codecs}\r\na={direction}\r\n"
        )

    def register(
        self, expires: int = 60, *, password: str | None = None, address: str | None = None
    ) -> RawMessage:
        call_id, uri = f"reg-{self.port}-{next(_numbers)}", "sip:127.0.0.1"
        to = f"<sip:{address or self.user}@127.0.0.1>"
        extra = f"Expires: {expires}\r\n"
        self.send(self.build("REGISTER", uri, to=to, call_id=call_id, cseq=1, extra=extra))
        challenge = self.final("REGISTER")
        assert challenge.code == 401
        proof = digest_header(
            challenge.header("WWW-Authenticate"), self.user, password or self.password, "REGISTER", uri
        )
        extra += f"Authorization: {proof}\r\n"
        self.send(self.build("REGISTER", uri, to=to, call_id=call_id, cseq=2, extra=extra))
        return self.final("REGISTER")

    def invite(self, number: str, *, body: str | None = None, extra: str = "") -> RawCall:
        """INVITE, 401, ACK, INVITE with credentials; returns without waiting for more."""
        uri, call_id = f"sip:{number}@127.0.0.1", f"call-{self.port}-{next(_numbers)}"
        call = RawCall(number, call_id, f"t{next(_numbers)}", self.new_branch(), 1, f"<{uri}>", uri)
        body = self.sdp() if body is None else body
        self.send(self._invite(call, extra, body))
        challenge = self.final("INVITE")
        assert challenge.code == 401, challenge.start
        self.ack(call, challenge)
        proof = digest_header(challenge.header("WWW-Authenticate"), self.user, self.password, "INVITE", uri)
        call.cseq, call.branch = 2, self.new_branch()
        call.invite = self._invite(call, extra + f"Authorization: {proof}\r\n", body)
        self.send(call.invite)
        return call

    def _invite(self, call: RawCall, extra: str, body: str) -> bytes:
        return self.build(
            "INVITE",
            call.target,
            to=call.to_header,
            call_id=call.call_id,
            cseq=call.cseq,
            from_tag=call.from_tag,
            branch=call.branch,
            extra=extra,
            body=body,
        )

    def ack(self, call: RawCall, final: RawMessage) -> None:
        """ACK of a final response: the same branch for a refusal, a new one for a 2xx."""
        branch = call.branch if final.code >= 300 else None
        self.send(
            self.build(
                "ACK",
                call.target,
                to=final.header("To"),
                call_id=call.call_id,
                cseq=call.cseq,
                from_tag=call.from_tag,
                branch=branch,
            )
        )

    def follow(self, call: RawCall, timeout: float = PATIENCE) -> RawMessage:
        """Collect responses up to the final one, and ACK it."""
        while True:
            message = self.response("INVITE", timeout)
            call.codes.append(message.code)
            if message.to_tag:
                call.to_header = message.header("To")
            if message.code < 200:
                continue
            if message.code < 300:
                call.answer = message
                call.target = message.header("Contact").strip("<>")
            self.ack(call, message)
            return message

    def dial(self, number: str, **options: str) -> RawCall:
        call = self.invite(number, **options)
        self.follow(call)
        return call

    def request(self, call: RawCall, method: str, extra: str = "", body: str = "") -> bytes:
        """A request within the dialog, sent once; returns its bytes, to send it again."""
        call.cseq += 1
        data = self.build(
            method,
            call.target,
            to=call.to_header,
            call_id=call.call_id,
            cseq=call.cseq,
            from_tag=call.from_tag,
            extra=extra,
            body=body,
        )
        self.send(data)
        return data

    def bye(self, call: RawCall) -> int:
        self.request(call, "BYE")
        return self.final("BYE").code

    def refer(self, call: RawCall, pilot: str) -> int:
        self.request(call, "REFER", f"Refer-To: <sip:{pilot}@127.0.0.1>\r\n")
        return self.final("REFER").code

    def cancel(self, call: RawCall) -> int:
        self.send(
            self.build(
                "CANCEL",
                call.target,
                to=f"<sip:{call.number}@127.0.0.1>",
                call_id=call.call_id,
                cseq=call.cseq,
                from_tag=call.from_tag,
                branch=call.branch,
            )
        )
        return self.final("CANCEL").code

    # RTP

    def listen(self, seconds: float) -> list[tuple[float, bytes]]:
        """The RTP packets of so many seconds, each with its arrival (monotonic seconds)."""
        packets, end = [], time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.rtp.settimeout(left)
            try:
                packets.append((0.0, self.rtp.recv(2048)))
            except TimeoutError:
                break
            packets[-1] = (time.monotonic(), packets[-1][1])
        return packets

    def speak(self, call: RawCall, packets: int) -> None:
        for number in range(packets):
            header = struct.pack("!BBHII", 0x80, 0, number, number * 160, 7)
            self.rtp.sendto(header + b"\xff" * 160, call.remote_rtp)
