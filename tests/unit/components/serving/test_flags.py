from __future__ import annotations

import subprocess
import sys
from dataclasses import fields

import pytest

from components.errors import InputError
from components.serving import flags
from components.serving.options import ServerOptions

MODEL = "--model_base_path=/m"

# tensorflow_model_server's own defaults, from its main.cc.
DEFAULTS = {
    "port": 8500,
    "rest_api_port": None,
    "rest_api_timeout_in_ms": 30000,
    "rest_api_enable_cors_support": False,
    "file_system_poll_wait_seconds": 1,
    "num_load_threads": 0,
    "num_unload_threads": 0,
    "max_num_load_retries": 5,
    "load_retry_interval_micros": 60_000_000,
    "model_config_file_poll_wait_seconds": 0,
    "model_name": "default",
    "enable_batching": False,
    "enable_model_warmup": True,
    "allow_version_labels_for_unavailable_models": False,
    "saved_model_tags": "serve",
    "enable_grpc_healthcheck_service": False,
    "host": "0.0.0.0",
}


@pytest.mark.parametrize(("name", "value"), DEFAULTS.items())
def test_flag_has_the_default_of_tensorflow_model_server(name, value):
    assert getattr(flags.parse([MODEL]), name) == value


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        (["--port=8502"], "port", 8502),
        (["--port", "8502"], "port", 8502),
        (["--rest_api_port=8501"], "rest_api_port", 8501),
        (["--rest_api_port=0"], "rest_api_port", None),
        (["--enable_batching"], "enable_batching", True),
        (["--enable_batching=true"], "enable_batching", True),
        (["--enable_model_warmup=false"], "enable_model_warmup", False),
        (["--enable_model_warmup=0"], "enable_model_warmup", False),
        (["--file_system_poll_wait_seconds=0.5"], "file_system_poll_wait_seconds", 0.5),
        (["--model_name=a b"], "model_name", "a b"),
        (["--flush_filesystem_caches=false"], "port", 8500),
        (["--use_alts_credentials=false"], "port", 8500),
    ],
)
def test_flag_is_read_as_tensorflow_model_server_reads_it(arguments, name, value):
    assert getattr(flags.parse([MODEL, *arguments]), name) == value


@pytest.mark.parametrize("name", flags.REFUSED)
def test_flag_that_cannot_be_honoured_is_refused(name):
    with pytest.raises(InputError, match=f"`--{name}` is not available"):
        flags.parse([MODEL, f"--{name}=true"])


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "nothing to serve"),
        ([MODEL, "--batching_parameters_file=/b"], "without `--enable_batching`"),
        ([MODEL, "--port=1234", "--rest_api_port=1234"], "are both 1234"),
        (
            [MODEL, "--tensorflow_session_parallelism=2", "--tensorflow_intra_op_parallelism=1"],
            "together with one of the two",
        ),
    ],
)
def test_flags_that_contradict_each_other_are_refused(arguments, problem):
    with pytest.raises(InputError) as caught:
        flags.parse(arguments)
    assert problem in caught.value.problem


@pytest.mark.parametrize("argument", ["--no_such_flag=1", "--port=x", "--enable_batching=maybe", "--por=1"])
def test_unknown_flag_or_value_ends_with_the_usage(argument, capsys):
    with pytest.raises(SystemExit) as caught:
        flags.parse([MODEL, argument])
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_every_setting_but_those_of_root_mode_is_a_flag():
    text = flags.parser().format_help()
    names = {option.name for option in fields(ServerOptions)} - {"root", "deployments"}
    assert [name for name in sorted(names) if f"--{name} " not in text] == []


def test_grpc_arguments_are_numbers_where_they_look_like_numbers():
    options = flags.parse([MODEL, "--grpc_channel_arguments=grpc.max_connection_age_ms=2000,grpc.x=y=z"])
    assert options.grpc_arguments == [("grpc.max_connection_age_ms", 2000), ("grpc.x", "y=z")]


def test_help_is_printed_without_tensorflow():
    code = (
        "import sys, contextlib, components.serving.__main__ as main\n"
        "with contextlib.suppress(SystemExit): main.main(['--help'])\n"
        "sys.exit('tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, "--model_config_file" in done.stdout) == (0, True)
