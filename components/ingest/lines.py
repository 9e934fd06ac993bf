"""Text files line by line, with the exact line of whatever cannot be read."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Iterator

from components.ingest.contract import RowError
from components.ingest.storage import open_binary


class Lines(Iterator[str]):
    """Iterate over the decoded lines of a file, line ends kept.

    A line that cannot be decoded or holds a NUL byte is handed on with the bad characters replaced, so that
    the lines after it keep their numbers, and adds to `errors`.

    Attributes:
        path: The file; `.gz` is decompressed.
        number: 1-based number of the line handed out last; 0 before the first.
        errors: What was wrong so far, in order.
    """

    def __init__(self, path: str, encoding: str) -> None:
        self.path = path
        self.number = 0
        self.errors: list[RowError] = []
        self._encoding = encoding
        self._file = open_binary(path)
        self._ahead: bytes | None = None

    def peek(self) -> str:
        """Return the first line without taking it; empty when there is none."""
        self._ahead = self._next_raw()
        return self._ahead.removeprefix(codecs.BOM_UTF8).decode(self._encoding, errors="replace")

    def __next__(self) -> str:
        raw, self._ahead = self._next_raw() if self._ahead is None else self._ahead, None
        if not raw:
            raise StopIteration
        self.number += 1
        if self.number == 1:
            raw = raw.removeprefix(codecs.BOM_UTF8)
        return self._decoded(raw)

    def _decoded(self, raw: bytes) -> str:
        if b"\0" in raw:
            self._add_nul(raw)
            return raw.replace(b"\0", b"").decode(self._encoding, errors="replace")
        try:
            return raw.decode(self._encoding)
        except UnicodeDecodeError as error:
            self._add(
                f"Byte 0x{raw[error.start]:02x} at column {error.start + 1} is not {self._encoding}.",
                "Name the file's encoding, e.g. `--set data.encoding=latin-1`.",
            )
            return raw.decode(self._encoding, errors="replace")

    def _next_raw(self) -> bytes:
        try:
            return self._file.readline()
        except (OSError, EOFError, zlib.error) as error:
            self.number += 1
            self._add(f"The file cannot be decompressed: {error}.", "Fetch or compress it again.")
            return b""

    def _add_nul(self, raw: bytes) -> None:
        wide = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        cure = (
            "Save the file as utf-8: it is utf-16." if wide else "Remove it: the file may be cut or binary."
        )
        self._add(f"There is a NUL byte at column {raw.index(0) + 1}.", cure)

    def _add(self, problem: str, cure: str) -> None:
        self.errors.append(RowError(self.path, self.number, problem, cure))
