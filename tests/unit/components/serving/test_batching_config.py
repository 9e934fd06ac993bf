from __future__ import annotations

import pytest

from components.errors import InputError
from components.serving.batching_config import BatchingParameters, read


@pytest.fixture
def parse(tmp_path):
    def parse(text: str) -> BatchingParameters:
        path = tmp_path / "batching.txt"
        path.write_text(text)
        return read(path)

    return parse


def test_text_proto_of_the_original_is_read(parse):
    text = """
    max_batch_size { value: 128 }  # rows
    batch_timeout_micros { value: 500 }
    max_enqueued_batches { value: 1000000 }
    num_batch_threads { value: 8 }
    thread_pool_name { value: "batches" }
    allowed_batch_sizes: 8
    allowed_batch_sizes: 128
    pad_variable_length_inputs: true
    """
    assert parse(text) == BatchingParameters(128, 500, 1_000_000, 8, "batches", (8, 128), True)


def test_empty_file_means_the_defaults(parse):
    assert parse("") == BatchingParameters()
    assert (BatchingParameters().max_batch_size, BatchingParameters().batch_timeout_micros) == (1000, 0)


def test_size_is_padded_to_the_next_allowed_one(parse):
    parameters = parse("max_batch_size { value: 32 } allowed_batch_sizes: [4, 16, 32]")
    assert [parameters.padded(rows) for rows in (1, 4, 5, 16, 32)] == [4, 4, 16, 16, 32]
    assert BatchingParameters().padded(7) == 7


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_batch { value: 1 }", 'no field named "max_batch"'),
        ("max_batch_size: 3", "Invalid protobuf file"),
        ("max_batch_size {}", "max_batch_size must be at least 1; was 0."),
        ("max_batch_size { value: 0 }", "max_batch_size must be at least 1; was 0."),
        ("num_batch_threads { value: -2 }", "num_batch_threads must be at least 1; was -2."),
        ("batch_timeout_micros { value: -1 }", "batch_timeout_micros must be at least 0; was -1."),
        (
            "max_batch_size { value: 16 } allowed_batch_sizes: 8",
            "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 8; expected 16.",
        ),
        (
            "max_batch_size { value: 8 } allowed_batch_sizes: [8, 8]",
            "allowed_batch_sizes entries must be positive and monotonically increasing.",
        ),
    ],
)
def test_wrong_parameters_are_refused_with_the_reason(parse, text, message):
    with pytest.raises(InputError) as caught:
        parse(text)
    assert message in caught.value.problem
    assert "batching.txt" in str(caught.value)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.txt"):
        read(tmp_path / "none.txt")
