"""Parsers of the verbs that decide which version serves; parsing only, so that `--help` stays quick."""

from __future__ import annotations

import argparse

from pipelines.cluster_parsers import AddVerb, Verbs, add_on, add_overlay, add_server_option

DEPLOY_EPILOG = """\
examples:
  lodestar deploy text-search                            the newest pushed version
  lodestar deploy text-search --version 5 --canary 10    a tenth of the requests, beside the stable version
  lodestar promote text-search                           the canary becomes stable
  lodestar rollback text-search                          one step back
  lodestar status text-search                            how far it is, and why no further

A version that does not load never replaces the one that serves.
exit codes: 0 done, 1 a version does not load, 2 bad input or no such version
"""


def add_deploy_verbs(verbs: Verbs[argparse.ArgumentParser], add: AddVerb) -> None:
    """Add deploy, promote, rollback, history and prune.

    Args:
        verbs: Where to add them.
        add: Adds a verb that takes `-o`: `add(verbs, name, text)`.
    """
    for verb in (_deploy(verbs, add), _promote(verbs, add), _rollback(verbs, add)):
        _servers(verb)
        verb.add_argument(
            "--timeout", type=float, default=600.0, metavar="S", help="seconds for a version to load (600)"
        )
        _place(verb)
    _place(_history(verbs, add))
    _prune(verbs, add)


def _place(verb: argparse.ArgumentParser) -> None:
    add_on(verb)
    add_overlay(verb)


def _servers(verb: argparse.ArgumentParser) -> None:
    add_server_option(verb)
    verb.add_argument(
        "--model-root",
        default="",
        metavar="PATH",
        help="the serving root as the model server sees it (default: as it is here)",
    )


def _family(verb: argparse.ArgumentParser) -> argparse.ArgumentParser:
    verb.add_argument("family", metavar="FAMILY", help="a name from `lodestar list`")
    return verb


def _deploy(verbs: Verbs[argparse.ArgumentParser], add: AddVerb) -> argparse.ArgumentParser:
    verb = _family(add(verbs, "deploy", "Let a pushed version of a family serve, for all or some requests."))
    verb.epilog, verb.formatter_class = DEPLOY_EPILOG, argparse.RawDescriptionHelpFormatter
    verb.add_argument("--version", type=int, metavar="V", help="which (default: the newest that was pushed)")
    verb.add_argument(
        "--canary",
        type=int,
        metavar="PERCENT",
        help="only for so many of 100 requests, beside the stable one",
    )
    return verb


def _promote(verbs: Verbs[argparse.ArgumentParser], add: AddVerb) -> argparse.ArgumentParser:
    return _family(add(verbs, "promote", "Let a family's canary serve all requests."))


def _rollback(verbs: Verbs[argparse.ArgumentParser], add: AddVerb) -> argparse.ArgumentParser:
    text = (
        "Go one step back: give up what is still loading, else end the canary, else serve the version before."
    )
    verb = _family(add(verbs, "rollback", text))
    verb.add_argument("--to", type=int, metavar="V", help="serve this version instead")
    return verb


def _history(verbs: Verbs[argparse.ArgumentParser], add: AddVerb) -> argparse.ArgumentParser:
    verb = add(verbs, "history", "Print what was deployed, promoted and rolled back, by whom.")
    verb.add_argument("family", nargs="?", metavar="FAMILY", help="only this family's")
    verb.add_argument("--limit", type=int, default=20, metavar="N", help="newest to print (default: 20)")
    return verb


def _prune(verbs: Verbs[argparse.ArgumentParser], add: AddVerb) -> None:
    text = "Remove old pushed versions; never one that is deployed, or that a rollback would need."
    verb = _family(add(verbs, "prune", text))
    verb.add_argument(
        "--keep", type=int, required=True, metavar="N", help="the newest N stay, and what is deployed"
    )
    verb.add_argument("--dry-run", action="store_true", help="only say what would be removed")
