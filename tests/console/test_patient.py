"""A stream that may go away."""

from __future__ import annotations

import io

from bulk_sync.console.patient import patient


def test_what_is_let_go_after_the_stream_below_was_closed_says_nothing() -> None:
    below = io.TextIOWrapper(io.BytesIO())
    out = patient(below)
    out.write("said")
    below.close()
    out.close()  # as Python does when it lets go of it; from 3.13 on it shows what fails there
    assert out.closed
