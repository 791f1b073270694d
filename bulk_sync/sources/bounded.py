"""Unpack a stream, but not a bomb: what grows beyond all measure is refused while it is read."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from zipfile import BadZipFile

from bulk_sync.errors import SourceError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BOMB_BYTES = 64 << 20
"""Below this much nothing is called a bomb."""
BOMB_RATIO = 250
"""How many times its packed size a table may grow; exports of repeating rows reach about 100."""


class _Closable(Protocol):
    def close(self) -> None: ...


class _Stream(_Closable, Protocol):
    def read(self, size: int, /) -> bytes: ...


class BoundedStream(io.RawIOBase):
    """A packed file, unpacked on the way; refuses damage and bombs.

    :raises SourceError: from ``read`` and ``readinto``.
    """

    def __init__(self, stream: _Stream, path: Path, *owned: _Closable) -> None:
        super().__init__()
        self._stream = stream
        self._path = path
        self._owned = owned
        self._limit = max(BOMB_BYTES, path.stat().st_size * BOMB_RATIO)
        self._unpacked = 0

    def readable(self) -> bool:
        """Return true: this is for reading."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill a buffer, as :class:`io.RawIOBase` asks."""
        view = memoryview(buffer)
        try:
            data = self._stream.read(len(view))
        except (OSError, EOFError, zlib.error, BadZipFile, RuntimeError, NotImplementedError) as error:
            raise SourceError(
                f"{self._path} is damaged or truncated: {error}", hint="download or pack it again"
            ) from None
        self._unpacked += len(data)
        if self._unpacked > self._limit:
            raise SourceError(
                f"{self._path} unpacks to more than {self._limit >> 20} MB, {BOMB_RATIO} times its size: "
                "refused as a bomb",
                hint="unpack it yourself if you trust it",
            )
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close the stream and what it lives in."""
        if not self.closed:
            self._stream.close()
            for owned in self._owned:
                owned.close()
        super().close()
