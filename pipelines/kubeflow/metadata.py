"""ML Metadata for a step: wait for it, and go on when it comes back."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeAlias

import ml_metadata
from ml_metadata import errors
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata

from components.errors import LodestarError
from pipelines.kubeflow.address import Address
from pipelines.kubeflow.patience import Patience

PASSWORD = "MLMD_PASSWORD"  # noqa: S105 - the variable's name
_CALL_TIMEOUT_S = 60.0
_MESSAGE_BYTES = 100 * 2**20
Config: TypeAlias = "metadata_store_pb2.ConnectionConfig | metadata_store_pb2.MetadataStoreClientConfig"


class PatientMetadata(metadata.Metadata):
    """A connection that survives a restart of ML Metadata.

    A call may be repeated that the server carried out without being able to say so; TFX's calls bear that.
    """

    def __init__(self, config: Config, patience: Patience) -> None:
        super().__init__(config)
        self._patient = _PatientStore(config, patience)

    def __enter__(self) -> PatientMetadata:
        self._store = self._patient
        self._users += 1
        return self


class _PatientStore:
    """Every method of MetadataStore, repeated while the server is away."""

    def __init__(self, config: Config, patience: Patience) -> None:
        self._config, self._patience = config, patience
        self._store: ml_metadata.MetadataStore | None = None

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            return self._patience.run(
                lambda: getattr(self._connected(), name)(*arguments, **options), self._disconnect
            )

        return call

    def _connected(self) -> ml_metadata.MetadataStore:
        if self._store is None:
            self._store = ml_metadata.MetadataStore(self._config)
        return self._store

    def _disconnect(self) -> None:
        # A channel waits longer and longer by itself before it connects again; a new one tries at once.
        self._store = None


def connect(url: str, run_id: str, wait_s: float) -> tuple[PatientMetadata, Patience]:
    """Return a connection that has answered once, and what tells the seconds spent on it.

    Args:
        url: `grpc://host:port`, `mysql://user@host:port/database` (password in $MLMD_PASSWORD) or
            `sqlite:///path`.
        run_id: The run, for the message that says how to go on.
        wait_s: How long to wait, now and at every later call.

    Raises:
        InputError: The address is wrong.
        LodestarError: It cannot be reached or opened.
    """
    place = f"ML Metadata at {url}"
    patience = Patience(place, f"When it is back: `lodestar resume {run_id}`.", wait_s)
    handle = PatientMetadata(connection_config(Address.parse(url)), patience)
    try:
        with handle as entered:
            entered.store.get_artifact_types()
    except (errors.StatusError, RuntimeError) as error:
        raise LodestarError(
            f"{place} cannot be used: {error}.", cure="Check `metadata` in the overlay's platform.yaml."
        ) from error
    return handle, patience


def connection_config(address: Address) -> Config:
    """Return what ML Metadata's client connects with."""
    if address.scheme == "grpc":
        config = metadata_store_pb2.MetadataStoreClientConfig(
            host=address.host, port=address.port, client_timeout_sec=_CALL_TIMEOUT_S
        )
        config.channel_arguments.max_receive_message_length = _MESSAGE_BYTES
        return config
    if address.scheme == "mysql":
        return metadata.mysql_metadata_connection_config(
            address.host, address.port, address.path, address.user, os.environ.get(PASSWORD, "")
        )
    return metadata.sqlite_metadata_connection_config(address.path)
