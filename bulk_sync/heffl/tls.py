"""Who is trusted: this machine's authorities, or those in a file."""

from __future__ import annotations

import ssl
import sys
from pathlib import Path

import certifi

from bulk_sync.errors import Refused


def tls_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """Return a context that verifies certificate and name against this machine's authorities, or those in ``ca_file``.

    The environment has no say: neither SSL_CERT_FILE and SSL_CERT_DIR (who is trusted) nor SSLKEYLOGFILE (who
    can read along), which ``ssl.create_default_context`` would follow. Raises :class:`Refused` for a file that has
    no certificates.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except OSError as error:  # ssl.SSLError is one
            why = error.strerror if error.strerror and not isinstance(error, ssl.SSLError) else "no certificate in it"
            raise Refused(
                f"--ca-file {ca_file}: {why}", hint="expected a file with the authority's certificate in PEM form"
            ) from None
        return context
    if sys.platform == "win32":
        for store in ("CA", "ROOT"):
            for certificate, encoding, trust in ssl.enum_certificates(store):
                if encoding == "x509_asn" and (trust is True or ssl.Purpose.SERVER_AUTH.oid in trust):
                    context.load_verify_locations(cadata=certificate)
        return context
    known = ssl.get_default_verify_paths()
    found = [path for path in (known.openssl_cafile, known.openssl_capath) if Path(path).exists()]
    for path in found or [certifi.where()]:
        context.load_verify_locations(**{"capath" if Path(path).is_dir() else "cafile": path})
    return context
