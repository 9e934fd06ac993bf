"""Runs one trial's command and keeps its exit code, whatever becomes of the controller.

    python -I -S shim.py FOLDER LOCK COMMAND...

LOCK is the number of an open file whose lock the controller took; the command inherits it, so it is held as
long as anything of the run lives. Run by path, with the standard library alone: it starts in some 20 ms.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

PROCESS, EXIT, LOG = "process.json", "exit.json", "log.txt"


def main(folder: Path, lock: int, command: list[str]) -> None:
    """Write the process group, run the command with its output in the log, and write its exit code."""
    # A handler, unlike SIG_IGN, is not inherited: SIGTERM to the group ends the command but not this.
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    _write(folder / PROCESS, {"group": os.getpgid(0)})
    with (folder / LOG).open("ab") as log:
        try:
            done = subprocess.run(  # noqa: S603
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=(lock,), check=False
            )
            code = done.returncode
        except OSError as error:
            log.write(f"{error}\n".encode())
            code = 127
    _write(folder / EXIT, {"code": code})


def _write(path: Path, content: dict[str, int]) -> None:
    aside = path.with_suffix(".tmp")
    with aside.open("w", encoding="utf-8") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
