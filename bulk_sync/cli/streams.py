"""The three standard streams, made such that whatever is said can be said."""

from __future__ import annotations

import codecs
import io
import os
import sys
from pathlib import Path

_ESCAPED = "bulk_sync.escaped"


def ready_streams() -> None:
    """Give the process the streams that it was started without, and let all take any text.

    Without a stream (``<&-``), Python has None in its place, and the next file to be opened, such as a journal, gets
    its number. A letter that a stream's encoding lacks, as that of a file that output goes to on Windows may, is
    written as its escape, which is one of JSON, too.
    """
    codecs.register_error(_ESCAPED, _escape)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):  # each takes the lowest free number
        stream = getattr(sys, name)
        if stream is None:
            nobody = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - open as long as the process is
            setattr(sys, name, nobody)
        elif mode == "w" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_ESCAPED)


def _escape(error: UnicodeError) -> tuple[str, int]:
    import json  # here and not above: --help needs none, and it takes a twentieth of its time

    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end
