from __future__ import annotations

import gzip
import random
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.serving.errors import ServingError
from components.serving.request_body import decompress


def refusal(body):
    with pytest.raises(ServingError) as caught:
        decompress(body)
    return caught.value


@given(st.binary(max_size=2000))
def test_gzip_is_undone(content):
    assert decompress(gzip.compress(content)) == content


@pytest.mark.parametrize("noise", [0, 2**20], ids=["zeros", "zeros after noise"])
def test_bomb_is_refused_without_unfolding_it(noise):
    packer = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    first = packer.compress(random.Random(0).randbytes(noise))
    body = first + b"".join(packer.compress(bytes(2**20)) for _ in range(512)) + packer.flush()
    tracemalloc.start()
    error = refusal(body)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert error.http_status == 413
    assert peak < 2**21


def test_text_that_unfolds_a_thousand_times_is_taken_when_it_is_small():
    assert len(decompress(gzip.compress(b"0.0, " * 10**6))) == 5 * 10**6
    assert "more than 100 times" in refusal(gzip.compress(b"0.0, " * 10**7)).message


def test_text_of_many_pieces_is_undone():
    content = random.Random(0).randbytes(2**20) + b"[0.5]" * 10**5
    assert decompress(gzip.compress(content)) == content


@pytest.mark.parametrize("body", [b"", b"{}", gzip.compress(b"x" * 100)[:-1], zlib.compress(b"x")])
def test_what_is_no_whole_gzip_is_refused(body):
    assert refusal(body).http_status == 400
