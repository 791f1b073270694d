"""Read answers: the client in them, and what an error says, in every form that the API may use. Pure."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from bulk_sync.planning.values import is_list, is_object
from bulk_sync.records import Json, Reply, Request
from bulk_sync.sending.headers import read_allowance

MESSAGE_LIMIT = 500
"""Characters of a server's message that go into a row's message."""

_UNKNOWN_FIELD = re.compile(r"(unknown|unrecogni[sz]ed) (field|key|propert)", re.IGNORECASE)
_MARKUP = re.compile(
    r"<!--.*?(?:-->|\Z)|<(style|script)\b.*?(?:</\1\s*>|\Z)|<[a-z/!?][^>]*(?:>|\Z)", re.IGNORECASE | re.DOTALL
)
"""What a page has besides its words: a gateway's has more of it than we read, so that the last may have no end."""


class ApiError(NamedTuple):
    """What an error answer says: the API's code, else ``http_404``; its message with the issues."""

    code: str
    message: str


def client_of(body: Json, record_id: str) -> Mapping[str, Json] | None:
    """Return the client in an answer if it is the one that was asked for, bare or in ``data``."""
    for found in (body, body.get("data") if is_object(body) else None):
        if is_object(found) and "id" in found:
            return found if str(found["id"]) == record_id else None
    return None


def other_client(body: Json, record_id: str) -> str:
    """Return the id of the client in an answer where it is another than was asked for, '' where it is none.

    An ``id`` alone may be that of a request: a client has, by the API's word, a number and a name.
    """
    for found in (body, body.get("data") if is_object(body) else None):
        if is_object(found) and {"id", "number", "name"} <= found.keys() and str(found["id"]) != record_id:
            return str(found["id"])
    return ""


def is_answer(request: Request, body: Json) -> bool:
    """Whether a body is what the request asked for: that client, or a page of clients in any known envelope."""
    if request.kind != "page":
        return client_of(body, request.record_id) is not None
    if is_object(body):
        return is_list(body.get("items")) or is_list(body.get("data"))
    return is_list(body)


def read_error(reply: Reply) -> ApiError:
    """Read an error from the body: ``code/message/issues`` (v1), ``error.code/message/details.issues`` (v2),
    ``errors``, else its raw text. Where the documented forms are told apart: heffl-api.md, section 5.
    """  # noqa: D205 - one sentence that names the forms
    body = reply.body
    code = f"http_{reply.http_status}"
    if not is_object(body):
        return ApiError(code, _clean(_words(reply.text)) or "no reason given")
    inner = body.get("error")
    error = inner if is_object(inner) else body
    said = error.get("code")
    message = _told(error.get("message")) or (inner if isinstance(inner, str) else "")
    details = error.get("details")
    issues = [
        text
        for source in (error.get("issues"), details.get("issues") if is_object(details) else None, body.get("errors"))
        for text in _issues(source)
    ]
    parts = [message] if message else []
    parts += [text for text in dict.fromkeys(issues) if text != message]
    return ApiError(
        _clean(str(said)) if said else code, _clean("; ".join(parts)) or _clean(reply.text) or "no reason given"
    )


def names_unknown_field(reply: Reply) -> bool:
    """Whether a refusal says that the API does not know a field: every row that has it would be refused."""
    error = read_error(reply)
    return bool(_UNKNOWN_FIELD.search(f"{error.code.replace('_', ' ')} {error.message}"))


def redirect_target(reply: Reply) -> str:
    """Return where a redirect pointed: its origin and path only, for a query may hold secrets."""
    try:
        parts = urlsplit(reply.headers.get("location", ""))
        port = f":{parts.port}" if parts.port else ""
        host = f"{parts.scheme or 'https'}://{parts.hostname}{port}" if parts.hostname else ""
    except ValueError:
        return "an address that is none"
    return _clean(f"{host}{parts.path}") or "nowhere"


def retry_after(reply: Reply, wall_time: float) -> float:
    """Return the seconds that a reply asks to wait before the next attempt; 0 where it does not ask."""
    if "retry-after" not in reply.headers:
        return 0.0
    return read_allowance(reply.headers, wall_time=wall_time).retry_after or 0.0


def _told(message: Json) -> str:
    """Return a message in words where it is a list or an object of them, as from frameworks that tell all at once."""
    if is_list(message) or is_object(message):
        return "; ".join(_issues(message))
    return str(message) if message else ""


def _words(text: str) -> str:
    """Return what a page says to a person; of a text that is no page, all."""
    return html.unescape(_MARKUP.sub(" ", text)) if "<" in text else text


def _issues(source: Json) -> Iterator[str]:
    """Yield ``field: message`` for each issue of a list, or of an object of fields."""
    if is_object(source):
        for field, said in source.items():
            yield f"{field}: {'; '.join(map(str, said)) if is_list(said) else said}"
    elif is_list(source):
        for issue in source:
            if not is_object(issue):
                yield str(issue)
                continue
            path = issue.get("field") or issue.get("path") or ""
            field = ".".join(map(str, path)) if is_list(path) else str(path)
            said = str(issue.get("message") or "")
            yield f"{field}: {said}" if field and said else field or said


def _clean(text: str) -> str:
    """One line without control characters, of bounded length."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return line if len(line) <= MESSAGE_LIMIT else f"{line[: MESSAGE_LIMIT - 1]}…"
