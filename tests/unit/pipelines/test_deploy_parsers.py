from __future__ import annotations

import pytest

from pipelines.cli import parser


def parsed(*words: str):
    return parser().parse_args(words)


def test_deploy_takes_a_version_a_share_and_servers() -> None:
    arguments = parsed(
        "deploy", "a", "--version", "5", "--canary", "10", "--server", "x:1", "--server", "y:1"
    )
    assert (arguments.version, arguments.canary, arguments.server) == (5, 10, ["x:1", "y:1"])
    assert (arguments.on, arguments.timeout, arguments.model_root) == ("here", 600.0, "")


@pytest.mark.parametrize("verb", ["deploy", "promote", "rollback", "history", "status"])
def test_verbs_work_on_a_cluster_too(verb: str) -> None:
    arguments = parsed(verb, "a", "--on", "cluster", "--overlay", "lab", "-o", "json")
    assert (arguments.on, arguments.overlay, arguments.output) == ("cluster", "lab", "json")


@pytest.mark.parametrize(
    "words",
    [["deploy"], ["deploy", "a", "--canary"], ["prune", "a"], ["rollback", "a", "--to", "x"], ["promote"]],
)
def test_incomplete_command_is_refused(words: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        parsed(*words)
    assert stopped.value.code == 2


def test_query_asks_a_version_or_a_label_but_not_both() -> None:
    assert parsed("query", "a", "--label", "canary").label == "canary"
    with pytest.raises(SystemExit):
        parsed("query", "a", "--label", "canary", "--version", "5")
