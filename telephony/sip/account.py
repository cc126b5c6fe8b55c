"""Who we are towards a registrar: one dialer port."""

from dataclasses import dataclass, field

from .sdes import MediaEncryption


@dataclass(frozen=True, slots=True)
class SipAccount:
    """A subscriber of the communication platform, with digest credentials (RFC 3261 section 22).

    The password never shows in `repr`, so that it can't reach a log with the account.
    `domain` is the host of our address of record where it differs from the registrar's host.
    """

    username: str
    password: str = field(repr=False)
    registrar_host: str
    registrar_port: int = 5060
    transport: str = "udp"
    auth_username: str | None = None
    domain: str | None = None
    display_name: str | None = None
    encryption: MediaEncryption = MediaEncryption.NONE

    @property
    def aor_host(self) -> str:
        """Host part of the address of record; an IPv6 literal in brackets."""
        host = self.domain or self.registrar_host
        return f"[{host}]" if ":" in host and not host.startswith("[") else host

    @property
    def aor(self) -> str:
        """Address of record as a SIP URI (RFC 3261 section 10)."""
        port = (
            ""
            if self.domain or self.registrar_port == default_port(self.transport)
            else (f":{self.registrar_port}")
        )
        return f"sip:{self.username}@{self.aor_host}{port}"

    @property
    def credentials_user(self) -> str:
        """The user name of the digest, which some platforms keep apart from the extension."""
        return self.auth_username or self.username


def default_port(transport: str) -> int:
    """RFC 3261 section 18.1: 5060, and 5061 over TLS."""
    return 5061 if transport.lower() == "tls" else 5060
