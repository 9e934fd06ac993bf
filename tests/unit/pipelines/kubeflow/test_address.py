"""Addresses of ML Metadata."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import InputError
from pipelines.kubeflow.address import Address


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("grpc://mlmd:9090", Address("grpc", "mlmd", 9090)),
        ("grpc://metadata-grpc-service.kubeflow", Address("grpc", "metadata-grpc-service.kubeflow", 8080)),
        ("mysql://root@mysql:3307/metadb", Address("mysql", "mysql", 3307, "root", "metadb")),
        ("mysql://root@mysql/metadb", Address("mysql", "mysql", 3306, "root", "metadb")),
        ("sqlite:///tmp/a%20b.sqlite", Address("sqlite", path="/tmp/a b.sqlite")),
    ],
)
def test_each_form_is_understood(url: str, address: Address) -> None:
    assert Address.parse(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "mlmd:8080",
        "http://mlmd:8080",
        "grpc://",
        "grpc://mlmd:port",
        "grpc://mlmd:99999",
        "grpc://mlmd/database",
        "mysql://mysql/metadb",
        "mysql://root@mysql",
        "sqlite://relative.sqlite",
        "sqlite:///",
        "",
    ],
)
def test_other_forms_are_refused_with_examples(url: str) -> None:
    with pytest.raises(InputError, match=r"is not the address.*\n.*grpc://host:8080"):
        Address.parse(url)


def test_password_is_refused_and_not_repeated() -> None:
    with pytest.raises(InputError, match="MLMD_PASSWORD") as caught:
        Address.parse("mysql://root:hunter2@mysql/metadb")
    assert "hunter2" not in str(caught.value)


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_an_input_error(text: str) -> None:
    try:
        address = Address.parse(text)
    except InputError:
        return
    assert address.scheme in ("grpc", "mysql", "sqlite")
