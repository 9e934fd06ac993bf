"""Options that put a sweep before the training of a pipeline; parsing only."""

from __future__ import annotations

import argparse

STOP_HELP = "stop hopeless trials early: median or asha, with details as in median:warmup=20,startup=3"


def add_sweep_step(verb: argparse.ArgumentParser) -> None:
    """Add the options that search for the best settings before training."""
    sweep = verb.add_argument_group("a sweep before training")
    sweep.add_argument(
        "--sweep-trials", type=int, metavar="N", help="search with N trials, and train with the best"
    )
    sweep.add_argument("--sweep-parallel", type=int, metavar="P", help="trials at a time (default: 4)")
    sweep.add_argument("--stop", metavar="RULE", help=STOP_HELP)
    sweep.add_argument("--metric", metavar="M", help="what is searched for (default: what blesses)")
