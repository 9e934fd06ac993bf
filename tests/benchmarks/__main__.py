"""`make benchmark`: every benchmark in turn, each in a process of its own; 1 when one fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def main() -> int:
    """Run `bench_*.py` beside this file, or those named on the command line."""
    folder = Path(__file__).parent
    names = sys.argv[1:] or [path.stem.removeprefix("bench_") for path in sorted(folder.glob("bench_*.py"))]
    codes = []
    for name in names:
        print(f"\n== {name} ==", flush=True)
        codes.append(
            subprocess.run(
                [sys.executable, "-W", "ignore", "-m", f"tests.benchmarks.bench_{name}"], check=False
            ).returncode
        )
    return max(codes, default=0)


if __name__ == "__main__":
    sys.exit(main())
