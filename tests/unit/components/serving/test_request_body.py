from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.serving.errors import ServingError
from components.serving.request_body import MAX_DECOMPRESSED_BYTES, decompress


def refusal(body):
    with pytest.raises(ServingError) as caught:
        decompress(body)
    return caught.value


@given(st.binary(max_size=2000))
def test_gzip_is_undone(content):
    assert decompress(gzip.compress(content)) == content


def test_bomb_is_refused_without_unfolding_it():
    packer = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    body = b"".join(packer.compress(bytes(2**20)) for _ in range(512)) + packer.flush()
    tracemalloc.start()
    error = refusal(body)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert error.http_status == 413
    # The output buffer doubles as it grows.
    assert peak < 3 * MAX_DECOMPRESSED_BYTES


@pytest.mark.parametrize("body", [b"", b"{}", gzip.compress(b"x" * 100)[:-1], zlib.compress(b"x")])
def test_what_is_no_whole_gzip_is_refused(body):
    assert refusal(body).http_status == 400
