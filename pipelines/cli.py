"""`lodestar`: parsing only; each verb lives in `pipelines/verbs/` and is imported when it is called."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from pipelines.beam.options import RUNNERS
from pipelines.cluster_parsers import add_cluster_verbs, add_place
from pipelines.deploy_parsers import add_deploy_verbs
from pipelines.gateway_parser import add_gateway_verb
from pipelines.sweep_options import add_sweep_step
from pipelines.sweep_parsers import add_sweep_verb, with_start

EPILOG = """\
exit codes: 0 done, 1 the work failed, 2 bad input or settings, 3 still running

examples:
  lodestar list
  lodestar run matrix-factorization
  lodestar run text-search --set train.encoder=bm25
  lodestar compile text-search --overlay gpu -o text-search.yaml
  lodestar serve
  lodestar gateway
  lodestar query text-search "does vitamin D prevent infections"
  lodestar deploy text-search --canary 10
  lodestar doctor --cluster
  lodestar submit text-search --watch
  lodestar sweep matrix-factorization --trials 40 --parallel 4
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = _parse(argv)
    try:
        return int(import_module(f"pipelines.verbs.{arguments.verb}").run(arguments))
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except Exception as error:
        return _report(error)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    top = parser()
    arguments, rest = top.parse_known_args(with_start(sys.argv[1:] if argv is None else argv))
    # What a query takes is the family's business: `query` parses the rest itself.
    if rest and arguments.verb != "query":
        top.error(f"unrecognized arguments: {' '.join(rest)}")
    arguments.rest = rest
    return arguments


def _report(error: Exception) -> int:
    # Imported here: `--help` must not wait for it.
    from components.errors import LodestarError

    if not isinstance(error, LodestarError):
        raise error
    print(f"error: {error}", file=sys.stderr)
    return error.exit_code


def parser() -> argparse.ArgumentParser:
    """Return the parser of all verbs."""
    top = argparse.ArgumentParser(
        prog="lodestar",
        description="ML pipelines for search and recommendation, from raw data to a served model.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    for add in (_list, _run, _compile, _data, _serve, _query, _board, _doctor):
        add(verbs)
    add_deploy_verbs(verbs, _verb)
    add_gateway_verb(verbs, _verb)
    add_sweep_verb(verbs, _verb, _settings_options)
    add_cluster_verbs(verbs, _verb, _settings_options)
    return top


def _verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str
) -> argparse.ArgumentParser:
    verb = verbs.add_parser(name, help=text, description=text)
    verb.add_argument(
        "-o", "--output", choices=("text", "json"), default="text", help="how to print the result"
    )
    return verb


def _list(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    _verb(verbs, "list", "List the model families, what they are for and the version that is live.")


def _run(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verb = _verb(
        verbs, "run", "Run a family's pipeline here: ingest, validate, transform, train, evaluate, push."
    )
    verb.add_argument("family", metavar="FAMILY", help="a name from `lodestar list`")
    _settings_options(verb)
    verb.add_argument("--from-sweep", metavar="NAME", help="train with the best settings of a sweep")
    add_sweep_step(verb)
    verb.add_argument("--show-settings", action="store_true", help="print the settings and end")


def _settings_options(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--data", metavar="SOURCE", help="a folder or file, or a name from `lodestar data list`"
    )
    verb.add_argument("--config", type=Path, metavar="FILE", help="YAML with the settings that differ")
    verb.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="e.g. train.epochs=3; repeatable"
    )
    verb.add_argument(
        "--workers", type=int, metavar="N", help="processes that train; --set compute.workers=N"
    )
    verb.add_argument(
        "--parameter-servers",
        type=int,
        metavar="P",
        help="processes that hold the embedding tables; --set compute.parameter_servers=P",
    )
    verb.add_argument(
        "--beam-runner",
        choices=sorted(RUNNERS),
        default="direct",
        help="what Ingest, StatisticsGen and Transform run on (default: %(default)s)",
    )
    verb.add_argument(
        "--beam-option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="an option of that runner, e.g. spark_master_url=local[2]; repeatable",
    )


def _compile(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "Write a family's pipeline as a file for Kubeflow Pipelines or Vertex AI."
    verb = verbs.add_parser("compile", help=text, description=text)
    verb.add_argument("family", metavar="FAMILY", help="a name from `lodestar list`")
    _settings_options(verb)
    add_sweep_step(verb)
    _cluster_options(verb)
    verb.add_argument(
        "--target",
        choices=("kubeflow", "vertex"),
        default="kubeflow",
        help="what runs it (default: %(default)s)",
    )
    verb.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="default: FAMILY.yaml, .json for vertex"
    )


def _cluster_options(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--overlay",
        default="kind-cpu",
        metavar="NAME",
        help="the cluster: a folder below manifests/overlays (default: %(default)s)",
    )
    verb.add_argument("--image", default="", help="another image than the overlay's, with a tag or digest")


def _data(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verb = _verb(verbs, "data", "List, fetch and verify public data sets.")
    actions = verb.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="what can be fetched, with licence and size")
    for name, text in (("fetch", "download and verify"), ("verify", "check the files against their sha256")):
        actions.add_parser(name, help=text).add_argument("name", metavar="NAME")


def _serve(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verb = _verb(verbs, "serve", "Serve every family: its deployed version, or the newest; follow new ones.")
    verb.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    verb.add_argument("--rest-port", type=int, default=8501, help="REST port (default: %(default)s)")
    verb.add_argument("--grpc-port", type=int, default=8500, help="gRPC port (default: %(default)s)")
    verb.add_argument("--poll-seconds", type=float, default=1.0, help="how often to look for versions")


def _query(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verb = _verb(verbs, "query", "Ask the served model, and print a ranked table.")
    verb.epilog = (
        "The family adds its own options: text-search takes words, matrix-factorization takes --user ID."
    )
    verb.add_argument("family", metavar="FAMILY")
    verb.add_argument("words", nargs="*", metavar="WORD", help="the query, for search families")
    verb.add_argument("-k", "--top", type=int, default=10, help="rows to print (default: %(default)s)")
    verb.add_argument("--server", default="http://127.0.0.1:8501", help="REST address (default: %(default)s)")
    which = verb.add_mutually_exclusive_group()
    which.add_argument("--version", type=int, metavar="V", help="ask this version (default: the stable one)")
    which.add_argument("--label", metavar="L", help="ask the version with this label, e.g. canary")


def _board(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verb = _verb(verbs, "board", "Start TensorBoard on the runs: scalars, graph and embedding projector.")
    verb.add_argument("family", nargs="?", metavar="FAMILY", help="only this family's runs")
    verb.add_argument("--sweep", metavar="NAME", help="the trials of a sweep instead, with their settings")
    verb.add_argument("--port", type=int, default=6006, help="port (default: %(default)s)")


def _doctor(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verb = _verb(verbs, "doctor", "Check this machine or a cluster, and say how to mend what is missing.")
    verb.add_argument("--cluster", action="store_true", help="check the cluster instead")
    add_place(verb)
    verb.add_argument("--image", default="", metavar="REF", help="another image than the overlay's")


if __name__ == "__main__":
    sys.exit(main())
