"""Who we are towards a registrar: one dialer port."""

from dataclasses import dataclass, field

from .sdes import MediaEncryption


@dataclass(frozen=True, slots=True)
class SipAccount:
    """A subscriber of the communication platform, with digest credentials (RFC 3261 section 22).

    The password never shows in `repr`, so that it can't reach a log with the account.
    `domain` is the host of our address of record where it differs from the registrar's host. Without a port DNS says
    where the registrar is (`resolver`). One that does not `registers` is a trunk that knows us by our address.
    """

    username: str
    password: str = field(repr=False)
    registrar_host: str
    registrar_port: int | None = None
    transport: str = "udp"
    auth_username: str | None = None
    domain: str | None = None
    display_name: str | None = None
    encryption: MediaEncryption = MediaEncryption.NONE
    registers: bool = True

    @property
    def aor_host(self) -> str:
        """Host part of the address of record; an IPv6 literal in brackets."""
        host = self.domain or self.registrar_host
        return f"[{host}]" if ":" in host and not host.startswith("[") else host

    @property
    def aor(self) -> str:
        """Address of record as a SIP URI (RFC 3261 section 10)."""
        given = self.registrar_port
        port = "" if self.domain or given in (None, default_port(self.transport)) else f":{given}"
        return f"sip:{self.username}@{self.aor_host}{port}"

    @property
    def registrar(self) -> str:
        """As it was configured: host, and port where one was given."""
        host = f"[{self.registrar_host}]" if ":" in self.registrar_host else self.registrar_host
        return host if self.registrar_port is None else f"{host}:{self.registrar_port}"

    @property
    def credentials_user(self) -> str:
        """The user name of the digest, which some platforms keep apart from the extension."""
        return self.auth_username or self.username


def default_port(transport: str) -> int:
    """RFC 3261 section 18.1: 5060, and 5061 over TLS."""
    return 5061 if transport.lower() == "tls" else 5060
