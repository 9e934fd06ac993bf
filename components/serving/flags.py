"""The command line of `tensorflow_model_server`, with some flags of our own."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import Field, fields, replace
from typing import Any

from components.errors import InputError

from .options import OURS, ServerOptions

# Accepted and without effect here: what they tune does not exist in this server.
IGNORED = (
    "enable_profiler",
    "enable_serialization_as_tensor_content",
    "flush_filesystem_caches",
    "num_tflite_interpreters_per_pool",
    "num_tflite_pools",
    "per_process_gpu_memory_fraction",
    "remove_unused_fields_from_bundle_metagraph",
    "skip_initialize_tpu",
    "use_tflite_model",
    "xla_cpu_compilation_enabled",
)
# What they ask for cannot be left out silently.
REFUSED = (
    "enable_per_model_batching_parameters",
    "mixed_precision",
    "platform_config_file",
    "prefer_tflite_model",
    "ssl_config_file",
    "tensorflow_session_config_file",
    "thread_pool_factory_config_file",
    "use_alts_credentials",
)

_EVERYWHERE = "0.0.0.0"  # noqa: S104 - what tensorflow_model_server listens on
_TRUE = ("true", "t", "1", "yes", "y")
_FALSE = ("false", "f", "0", "no", "n")
_OFF = ("", "0", *_FALSE)


def parser() -> argparse.ArgumentParser:
    """Return the parser for every flag."""
    made = argparse.ArgumentParser(
        prog="python -m components.serving",
        description="Serve models as tensorflow_model_server does: the same flags, files and APIs.",
        allow_abbrev=False,
    )
    original = made.add_argument_group("flags of tensorflow_model_server")
    ours = made.add_argument_group("flags of this server alone")
    for option in fields(ServerOptions):
        if "help" in option.metadata:
            _add(ours if option.metadata.get(OURS) else original, option)
    for name in (*IGNORED, *REFUSED):
        original.add_argument(f"--{name}", nargs="?", const="true", default="", help=argparse.SUPPRESS)
    made.add_argument("--version", action="version", version=_version())
    return made


def parse(arguments: Sequence[str]) -> ServerOptions:
    """Return the options that a command line asks for.

    Raises:
        InputError: A flag asks for what only tensorflow_model_server itself has, or two contradict each
            other.
        SystemExit: A flag is unknown or its value is not of its type (code 2), as argparse does it.
    """
    given = vars(parser().parse_args(arguments))
    for name in REFUSED:
        if given.pop(name).lower() not in _OFF:
            raise InputError(
                f"`--{name}` is not available in this server.",
                cure="Leave it out, or run tensorflow_model_server itself.",
            )
    for name in IGNORED:
        del given[name]
    given["rest_api_port"] = given["rest_api_port"] or None
    if given["rest_api_port"] == given["port"]:
        raise InputError(
            f"`--rest_api_port` and `--port` are both {given['port']}.", cure="Choose two different ports."
        )
    return ServerOptions(**given)


def with_free_ports(options: ServerOptions) -> ServerOptions:
    """Return the options with ports that the system chooses, on this machine only."""
    return replace(options, port=0, rest_api_port=0, host="127.0.0.1")


def _add(group: argparse._ArgumentGroup, option: Field[Any]) -> None:
    default = _EVERYWHERE if option.name == "host" else option.default
    of_type = _type(option)
    text = f"{option.metadata['help']} (default: {_shown(default)})"
    if of_type is _boolean:
        group.add_argument(
            f"--{option.name}",
            type=of_type,
            nargs="?",
            const=True,
            default=default,
            help=text,
            metavar="BOOL",
        )
        return
    group.add_argument(f"--{option.name}", type=of_type, default=default, help=text, metavar=_metavar(option))


def _type(option: Field[Any]) -> Callable[[str], Any]:
    known: dict[str, Callable[[str], Any]] = {"bool": _boolean, "float": float, "str": str}
    return known.get(str(option.type), int)


def _metavar(option: Field[Any]) -> str:
    return {"float": "SECONDS", "str": "TEXT"}.get(str(option.type), "N")


def _shown(default: object) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    return "none" if default == "" else str(default or 0)


def _boolean(text: str) -> bool:
    lowered = text.lower()
    if lowered in _TRUE or lowered in _FALSE:
        return lowered in _TRUE
    raise argparse.ArgumentTypeError(f"`{text}` is not true or false")


def _version() -> str:
    # The flag is for scripts that ask which API they talk to.
    return "TensorFlow ModelServer: 2.16 (Lodestar's stand-in)"
