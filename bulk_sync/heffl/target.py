"""Where requests go and what opens the door: base URL, path of a record, key. No network, no library."""

from __future__ import annotations

import ipaddress
from urllib.parse import quote, urlsplit

from bulk_sync.errors import Refused

_NO_SEGMENT = frozenset({"", ".", ".."})


class ApiKey:
    """A key that shows itself to nobody who does not ask by :meth:`reveal`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """Take the key as it was given: outer white space goes, since a command's output ends in a line break.

        Raises Refused where what remains cannot be the value of one header.
        """
        self._text = text.strip()
        if not self._text:
            raise Refused("the API key is empty", hint="set HEFFL_API_KEY")
        if not all("!" <= sign <= "~" for sign in self._text):
            raise Refused(
                "the API key contains a space, a line break or a sign that no key has",
                hint="copy the key again, in one piece; it is one line of letters, digits and signs",
            )

    def reveal(self) -> str:
        """Return the key itself, for the one header that carries it."""
        return self._text

    def __repr__(self) -> str:
        """Show nothing of it."""
        return "ApiKey(…)"

    def __reduce__(self) -> str:
        """Refuse to be pickled or copied into another process."""
        raise TypeError("a key is not written down")


def check_base_url(url: str) -> str:
    """Return the base URL without a slash at its end; Refused unless it is https, or http on loopback."""
    hint = "expected such as https://api.heffl.com/api/v1; plain http only for 127.0.0.1, ::1 or localhost"
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise Refused(f"{url!r} is no base URL: {error}", hint=hint) from None
    if parts.username is not None or parts.password is not None:
        raise Refused("the base URL carries a user name or a password", hint="leave them out: the key is enough")
    if not host or parts.scheme not in {"http", "https"} or not all("!" <= sign <= "~" for sign in url.strip()):
        raise Refused(f"{url!r} is no base URL", hint=hint)
    if parts.query or parts.fragment:
        raise Refused(f"{url!r}: a base URL has neither a query nor a fragment", hint=hint)
    if parts.scheme == "http" and not is_loopback(host):
        raise Refused(f"{url!r} would send the key unencrypted", hint=hint)
    return url.strip().rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself, by its text; names other than localhost are not looked up."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def record_segment(record_id: str) -> str:
    r"""Return an id as one segment of a path: everything in it is data.

    Raises ValueError for an id that no escaping keeps apart from the path's own syntax.

    >>> record_segment("a/b"), record_segment("../x?y"), record_segment("%2e%2e"), record_segment("é\r\n")
    ('a%2Fb', '..%2Fx%3Fy', '%252e%252e', '%C3%A9%0D%0A')
    """
    if record_id in _NO_SEGMENT:
        raise ValueError(f"{record_id!r} cannot stand for a record")
    if record_id.isascii() and record_id.isidentifier():  # as the API's own ids are, which have nothing to escape
        return record_id
    return quote(record_id, safe="")
