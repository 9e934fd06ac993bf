"""Files by path or URL, through TensorFlow's file systems."""

from __future__ import annotations

import gzip
import hashlib
import posixpath
from collections.abc import Sequence
from difflib import get_close_matches
from typing import BinaryIO, cast

import tensorflow as tf

from components.errors import InputError
from components.object_store import connect

_CHUNK = 1 << 20


def list_names(folder: str) -> list[str]:
    """Return the names of what is in `folder`, sorted."""
    # Object stores mark folders with a slash, local file systems do not.
    return sorted(name.rstrip("/") for name in tf.io.gfile.listdir(folder))


def is_folder(path: str) -> bool:
    """Return whether `path` is a folder."""
    return bool(tf.io.gfile.isdir(path))


def exists(path: str) -> bool:
    """Return whether there is anything at `path`."""
    return bool(tf.io.gfile.exists(path))


def open_binary(path: str) -> BinaryIO:
    """Open `path` to read bytes; a name that ends in `.gz` is decompressed."""
    connect(path)  # A worker of Beam's may start here.
    raw = tf.io.gfile.GFile(path, "rb")
    return cast(BinaryIO, gzip.GzipFile(fileobj=raw) if path.endswith(".gz") else raw)


def require(path: str, setting: str) -> str:
    """Return `path` when it exists.

    Raises:
        InputError: It does not; the cure names the nearest names beside it and `setting`.
    """
    connect(path)
    if exists(path):
        return path
    folder, name = posixpath.split(path.rstrip("/"))
    beside = list_names(folder or ".") if is_folder(folder or ".") else []
    near = get_close_matches(name, beside, n=3, cutoff=0.4)
    hint = f"Did you mean {' or '.join(f'`{posixpath.join(folder, n)}`' for n in near)}? " if near else ""
    raise InputError(f"There is no `{path}`.", cure=f"{hint}Set `{setting}` to a file or folder that exists.")


def fingerprint(paths: Sequence[str], base: str) -> str:
    """Return the sha256 over names and contents of `paths`, as 64 hex digits.

    Names are relative to `base`. Depends on neither times nor the order of `paths`.

    Raises:
        InputError: A file cannot be read.
    """
    total = hashlib.sha256()
    for path in sorted(paths):
        name = path.removeprefix(base).lstrip("/")
        total.update(f"{name}\0{_content_digest(path)}\n".encode())
    return total.hexdigest()


def _content_digest(path: str) -> str:
    digest = hashlib.sha256()
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except tf.errors.OpError as error:
        problem = f"The file cannot be read: {error.message}."
        raise InputError(problem, cure="Name a file that can be read.", source=path) from error
    return digest.hexdigest()
