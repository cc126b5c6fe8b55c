"""Asking an external do-not-call service over HTTPS (SPEC 8).

The connections stay open between calls: a new one with its TLS handshake would cost every call some ten milliseconds.
"""

import os
import ssl
import tempfile
from functools import lru_cache

import httpx
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from dnc.models import DncService


class DncUnavailableError(Exception):
    """The service is unreachable, slow or answered wrongly: nobody may be dialed on its word."""


def ask(service: DncService, number: str) -> bool:
    """Whether the service lists the number. Raises DncUnavailableError."""
    headers = {"Authorization": f"Bearer {service.bearer_token}"} if service.bearer_token else {}
    try:
        answer = _client(service.ca_certificates, service.client_certificate).post(
            f"{service.url.rstrip('/')}/donotcall",
            json={"number": number},
            headers=headers,
            timeout=service.timeout_ms / 1000,
        )
        answer.raise_for_status()
        body = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, ValidationError) as error:
        raise DncUnavailableError(f"{service.name}: {error or type(error).__name__}") from error
    verdict = body.get("doNotCall") if isinstance(body, dict) else None
    if answer.status_code != httpx.codes.OK or not isinstance(verdict, bool) or body.get("number") != number:
        raise DncUnavailableError(f"{service.name}: the answer is not the one agreed: {answer.text[:200]}")
    return verdict


def tls(ca_certificates: str, client_certificate: str) -> ssl.SSLContext:
    """What is trusted and shown in the TLS handshake. Raises ValidationError that names the wrong field."""
    plain = (
        ca_certificates.strip().encode("ascii", "replace").decode()
    )  # names in comments have letters of all kinds
    try:
        context = ssl.create_default_context(cadata=plain or None)
    except (ssl.SSLError, ValueError) as error:
        raise ValidationError(
            {"ca_certificates": _("These are no certificates in PEM form (-----BEGIN CERTIFICATE-----).")}
        ) from error
    if plain:
        context.verify_flags |= (
            ssl.VERIFY_X509_PARTIAL_CHAIN
        )  # also a service's own certificate, trusted alone
    if client_certificate.strip():
        _show(context, client_certificate)
    return context


def _show(context: ssl.SSLContext, certificate: str) -> None:
    """OpenSSL takes certificate and key from a file only: one of our own, for a moment."""
    handle, path = tempfile.mkstemp(suffix=".pem")  # 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(certificate.strip() + "\n")
        context.load_cert_chain(path, password=lambda: "")
    except (ssl.SSLError, ValueError, OSError) as error:
        words = _(
            "Paste certificate and private key in PEM form, one after the other, the key without a password."
        )
        raise ValidationError({"client_certificate": words}) from error
    finally:
        os.unlink(path)


@lru_cache(maxsize=32)
def _client(ca_certificates: str, client_certificate: str) -> httpx.Client:
    return httpx.Client(verify=tls(ca_certificates, client_certificate))
