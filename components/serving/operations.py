"""Refuse a SavedModel that runs operations which a model for search or recommendation does not need.

A SavedModel is a program: it can read and write files, start Python functions or end the process. Allowed
are the operations listed in `allowed_ops.txt`: those that compute. What reads the model's own files is
allowed where only loading gets to it, not where a request does; what writes them, where neither does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from components.errors import LodestarError

# Variables and vocabularies come from files of the version, whose names TensorFlow fills in.
WHILE_LOADING = frozenset(
    {
        "InitializeTableFromTextFile",
        "InitializeTableFromTextFileV2",
        "MergeV2Checkpoints",
        "RestoreV2",
        "SaveV2",
        "ShardedFilename",
    }
)

# Part of every SavedModel, for training to go on from; nothing that a server runs gets to them.
WRITES = frozenset({"MergeV2Checkpoints", "SaveV2"})

_FILE = "saved_model.pb"
# TensorFlow takes these instead of the one that was looked at.
_OTHER_FILES = ("saved_model.cpb", "saved_model.pbtxt")
_LIST = Path(__file__).with_name("allowed_ops.txt")
_INITIALIZER = "__saved_model"
_MAIN_OPS = ("saved_model_main_op", "legacy_init_op")
_CURE = "Export it without them; a server takes more with `--extra_allowed_ops`."


def check(folder: Path, extra: Collection[str] = (), shown_as: str = "") -> None:
    """Check every operation of a SavedModel, those inside functions too.

    Args:
        folder: The SavedModel.
        extra: Operations that are allowed as well.
        shown_as: What errors call the folder; empty for its path.

    Raises:
        LodestarError: One is not allowed, or there is no readable `saved_model.pb`.
    """
    place = shown_as or str(folder)
    for meta_graph in _read(folder, place).meta_graphs:
        graph = _Graph(meta_graph.graph_def)
        allowed = {*allowed_operations(), *extra, *graph.functions}
        unknown = sorted(graph.operations() - allowed - WHILE_LOADING)
        if unknown:
            raise _refused(place, f"it runs {_listed(unknown)}, which may do more than compute")
        serving = graph.reached_from(_outputs(meta_graph.signature_def))
        loading = sorted((serving & WHILE_LOADING) - set(extra))
        if loading:
            raise _refused(place, f"its answers to requests read or write files with {_listed(loading)}")
        writing = sorted((graph.reached_from(_loads(meta_graph)) & WRITES) - set(extra))
        if writing:
            raise _refused(place, f"loading it writes files with {_listed(writing)}")


@cache
def allowed_operations() -> frozenset[str]:
    """Return the names of the operations that any model may run."""
    return frozenset(_LIST.read_text(encoding="utf-8").split())


class _Graph:
    """A graph and its library of functions."""

    def __init__(self, graph_def: Any) -> None:
        self._nodes = {node.name: node for node in graph_def.node}
        self.functions = {function.signature.name: function for function in graph_def.library.function}

    def operations(self) -> set[str]:
        """Return every operation in the graph and in its functions."""
        bodies = (node for function in self.functions.values() for node in function.node_def)
        return {node.op for node in (*self._nodes.values(), *bodies)}

    def reached_from(self, tensors: Iterable[str]) -> set[str]:
        """Return the operations that computing these tensors may run; whole functions where one is called."""
        operations: set[str] = set()
        seen: set[str] = set()
        todo = [_node_name(tensor) for tensor in tensors]
        called: list[str] = []
        while todo:
            name = todo.pop()
            if name in seen or name not in self._nodes:
                continue
            seen.add(name)
            node = self._nodes[name]
            operations.add(node.op)
            todo.extend(map(_node_name, node.input))
            called.extend(_calls(node))
        return operations | self._bodies(called)

    def _bodies(self, called: list[str]) -> set[str]:
        operations: set[str] = set()
        seen: set[str] = set()
        while called:
            name = called.pop()
            if name in seen or name not in self.functions:
                continue
            seen.add(name)
            for node in self.functions[name].node_def:
                operations.add(node.op)
                called.extend(_calls(node))
        return operations


def _outputs(signatures: Any) -> list[str]:
    return [
        info.name
        for name, signature in signatures.items()
        if not name.startswith(_INITIALIZER)
        for info in signature.outputs.values()
    ]


def _loads(meta_graph: Any) -> list[str]:
    """Return what TensorFlow runs when it loads the graph: restoring variables, filling tables."""
    initializers = [
        info.name
        for name, signature in meta_graph.signature_def.items()
        if name.startswith(_INITIALIZER)
        for info in signature.outputs.values()
    ]
    collected = [name for kind in _MAIN_OPS for name in meta_graph.collection_def[kind].node_list.value]
    return [*initializers, *collected, meta_graph.saver_def.restore_op_name]


def _calls(node: Any) -> Iterator[str]:
    yield node.op
    for value in node.attr.values():
        if value.HasField("func"):
            yield value.func.name
        yield from (function.name for function in value.list.func)


def _node_name(tensor: str) -> str:
    return tensor.removeprefix("^").partition(":")[0]


def _read(folder: Path, place: str) -> Any:
    for name in _OTHER_FILES:
        if (folder / name).exists():
            raise _refused(place, f"it has a {name}, which cannot be checked", f"Remove {name}.")
    try:
        return SavedModel.FromString((folder / _FILE).read_bytes())
    except (OSError, DecodeError) as error:
        raise _refused(place, f"its {_FILE} cannot be read: {error}", "Export it again.") from error


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:5])
    return shown + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _refused(place: str, why: str, cure: str = _CURE) -> LodestarError:
    return LodestarError(f"The model is refused: {why}.", source=place, cure=cure)
