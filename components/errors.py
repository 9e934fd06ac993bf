"""Errors that a person can act on, and the exit code each becomes.

Every message carries the offending value and the cure. `InputError` is for what the caller gave us (data,
settings, arguments) and ends a command with 2; any other `LodestarError` means that the work itself failed
and ends it with 1.
"""

from __future__ import annotations


class LodestarError(Exception):
    """Signal that the work failed for a reason that is worth one clear line.

    Args:
        problem: What is wrong, with the offending value; ends with a period.
        cure: What to do about it; ends with a period. Empty when `problem` says it all.
        source: The file or field that the problem is in.
        line: The 1-based line in `source`.
    """

    exit_code = 1

    def __init__(self, problem: str, *, cure: str = "", source: str = "", line: int | None = None) -> None:
        super().__init__(problem, cure, source, line)
        self.problem = problem
        self.cure = cure
        self.source = source
        self.line = line

    def __str__(self) -> str:
        place = f"{self.source}:{self.line}: " if self.line else f"{self.source}: " if self.source else ""
        return f"{place}{self.problem}" + (f"\n  {self.cure}" if self.cure else "")

    def __reduce__(self) -> tuple[object, ...]:
        # Beam pickles exceptions between stages; keyword-only arguments need help.
        return (_rebuild, (type(self), self.problem, self.cure, self.source, self.line))


class InputError(LodestarError):
    """Signal that data, settings or arguments are wrong; the caller can mend them."""

    exit_code = 2


class NonFiniteError(LodestarError):
    """Signal that training has left the finite numbers, as other settings may not."""


def _rebuild(
    kind: type[LodestarError], problem: str, cure: str, source: str, line: int | None
) -> LodestarError:
    return kind(problem, cure=cure, source=source, line=line)
