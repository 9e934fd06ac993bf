"""How a failed step ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.errors import InputError, LodestarError
from pipelines.kubeflow.failure import (
    MetadataUnavailable,
    describe,
    exit_code,
    leave_message,
    print_failure,
)


def caught(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except BaseException as raised:
        return raised


def test_our_error_is_told_in_its_own_words_and_how_to_go_on() -> None:
    error = caught(InputError("The rating is 7.", cure="Mend it.", source="r.csv", line=3), OSError("inner"))
    assert describe("Ingest", "run-1", error) == (
        "Ingest failed: r.csv:3: The rating is 7.\n  Mend it.\n"
        "When that is mended: `lodestar resume run-1`; what is finished is re-used."
    )


def test_other_error_is_a_headline_with_its_cause() -> None:
    text = describe("Trainer", "r", caught(ImportError("no run_fn\nmore"), ModuleNotFoundError("no keras")))
    assert text.splitlines()[:2] == [
        "Trainer failed: ImportError: no run_fn.",
        "Caused by: ModuleNotFoundError: no keras.",
    ]


def test_lost_metadata_does_not_hide_why_the_node_had_failed() -> None:
    error = MetadataUnavailable("ML Metadata has not answered.", cure="Then `lodestar resume r`.")
    text = describe("Trainer", "r", caught(error, ValueError("loss is nan")))
    assert "Before that: ValueError: loss is nan." in text
    assert text.count("lodestar resume") == 1


@pytest.mark.parametrize(
    ("error", "code"), [(InputError("x."), 2), (LodestarError("x."), 1), (OSError("x"), 1)]
)
def test_exit_code_says_whose_fault_it_is(error: Exception, code: int) -> None:
    assert exit_code(error) == code


def test_traceback_is_printed_only_for_errors_that_are_not_ours(capfd: pytest.CaptureFixture[str]) -> None:
    print_failure("why", caught(InputError("x.")))
    assert "Traceback" not in "".join(capfd.readouterr())
    print_failure("why", caught(OSError("disk")))
    out, err = capfd.readouterr()
    assert "OSError: disk" in err
    assert out.splitlines()[-2] == "why"


def test_kubernetes_gets_the_last_4096_bytes(tmp_path: Path) -> None:
    file = tmp_path / "termination-log"
    leave_message("text", file)
    assert not file.exists()
    file.touch()
    leave_message("ä" * 5000 + "end", file)
    assert len(file.read_bytes()) == 4096
    assert file.read_text(errors="replace").endswith("end")
