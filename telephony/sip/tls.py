"""What TLS shows of us and whom it trusts (RFC 3261 section 26.3.1)."""

import ssl


class UnusableCertificateError(ValueError):
    """Says what is wrong with the files."""


def client_context(certificate: str, key: str) -> ssl.SSLContext | None:
    """Shows this certificate (PEM, with its chain) to servers that ask for one; None without one, when the user agent
    makes its own. Servers must have a certificate that the system trusts, or SSL_CERT_FILE."""
    if not certificate:
        return None
    context = ssl.create_default_context()
    try:
        context.load_cert_chain(
            certificate, key or None, password=""
        )  # an encrypted key can't ask for its password
    except OSError as error:  # ssl.SSLError too
        what = error.strerror or str(error)
        raise UnusableCertificateError(
            f"The TLS certificate {certificate} with the key {key or certificate} can't be used: {what}."
        ) from error
    return context
