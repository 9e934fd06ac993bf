"""Artifacts and data in an object store: `gs://` and `s3://`, through TensorFlow's file systems."""

from __future__ import annotations

import ctypes
import functools
import importlib
import os
import posixpath
from pathlib import Path

import tensorflow as tf

from components.errors import InputError
from components.home import is_uri

_SCHEMES = ("gs", "s3")
# boto3, and so Beam, reads the names on the left; TensorFlow's client those on the right.
_NAMES = {"AWS_ENDPOINT_URL": "S3_ENDPOINT", "AWS_DEFAULT_REGION": "AWS_REGION"}
_MARKER = ".lodestar"


def connect(path: str) -> None:
    """Make this process able to read and write what `path` is in; a second call does nothing.

    A path on disk needs nothing, and `gs://` is built in. For `s3://` TensorFlow's file system is loaded,
    with the endpoint and region that boto3 has: AWS_ENDPOINT_URL, AWS_DEFAULT_REGION.

    Raises:
        InputError: The scheme is not known, or a package is missing.
    """
    if not is_uri(path):
        return
    scheme = path.partition("://")[0]
    if scheme not in _SCHEMES:
        raise InputError(f"`{path}` is in no store that is known.", cure="Use gs://, s3:// or a folder.")
    if scheme == "s3":
        _load_s3()


def require_writable(root: str) -> None:
    """Write a small file under `root`, so that a run fails before its first node and not after.

    Raises:
        InputError: It cannot be written, or `connect` fails.
    """
    connect(root)
    try:
        with tf.io.gfile.GFile(posixpath.join(root, _MARKER), "w") as file:
            file.write("\n")
    except tf.errors.OpError as error:
        raise InputError(
            f"Cannot write to the store: {str(error.message).strip().rstrip('.')}.",
            source=root,
            cure="Check the bucket, the credentials (AWS_ACCESS_KEY_ID, GOOGLE_APPLICATION_CREDENTIALS) and "
            "AWS_ENDPOINT_URL.",
        ) from error


def download(source: str, target: Path) -> None:
    """Copy the folder `source` to the new folder `target`.

    Raises:
        FileNotFoundError: There is nothing at `source`.
        FileExistsError: `target` is there.
    """
    connect(source)
    target.mkdir()
    folders = list(tf.io.gfile.walk(source))
    if not any(files for _, _, files in folders):
        raise FileNotFoundError(source)
    for folder, _, files in folders:
        # TensorFlow walks some stores with a slash at the end, others without.
        into = target / folder.removeprefix(source).strip("/")
        into.mkdir(exist_ok=True, parents=True)
        for name in files:
            tf.io.gfile.copy(posixpath.join(folder, name), str(into / name))


def folder_size(folder: str) -> int:
    """Return the bytes of all files below `folder`; 0 when it is not there."""
    return sum(
        tf.io.gfile.stat(posixpath.join(parent, name)).length
        for parent, _, files in tf.io.gfile.walk(folder)
        for name in files
    )


@functools.cache
def _load_s3() -> None:
    for given, wanted in _NAMES.items():
        if given in os.environ:
            os.environ.setdefault(wanted, os.environ[given])
    try:
        importlib.import_module("tensorflow_io")
        importlib.import_module("boto3")
    except ImportError as error:
        raise InputError(
            f"s3:// needs a package that is not installed: {error.name}.",
            cure="Type `bash .ci/setup --group s3`.",
        ) from error
    _end_before_destructors()


def _end_before_destructors() -> None:
    # tensorflow-io 0.37 destroys its AWS client too late: every process that used s3:// would end with an
    # abort (134). C's exit handlers run last in, first out; this one ends the process with the same code.
    libc = ctypes.CDLL(None)
    if hasattr(libc, "on_exit"):
        libc.on_exit(libc._exit, None)
