"""Models that compute are taken; models that do anything else are not, wherever they hide it."""

from __future__ import annotations

import pytest
import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from components.errors import LodestarError
from components.serving.operations import WHILE_LOADING, allowed_operations, check

SPEC = tf.TensorSpec([None], tf.string)
# What no model may do: files, processes, Python, network, the end of the process.
DANGEROUS = """
Abort CollectiveReduceV2 DatasetToTFRecord DebugIdentityV2 DecodeProtoV2 DumpTensor EagerPyFunc
FileSystemSetConfiguration FixedLengthRecordDataset FixedUnigramCandidateSampler GenerateVocabRemapping
ImmutableConst LMDBDataset LoadAndRemapMatrix MatchingFiles PrintV2 PyFunc PyFuncStateless ReadFile Recv
RemoteCall Restore RestoreSlice RestoreV2 Save SaveDataset SaveSlices SaveV2 Send SqlDataset
SummaryWriter TFRecordDataset TRTEngineOp TextLineDataset WholeFileReaderV2 WriteFile WriteSummary
XlaCustomCall
"""


def save(folder, function, spec=SPEC, tracked=None):
    module = tf.Module()
    module.tracked = tracked
    module.serve = tf.function(function, input_signature=[spec])
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})
    return folder


def in_a_loop(x):
    return {"y": tf.map_fn(tf.io.read_file, x)}


def in_a_branch(x):
    return {"y": tf.cond(tf.size(x) > 5, lambda: tf.io.read_file(x[0]), lambda: x[0])}


def unused(x):
    tf.io.write_file(x[0], x[0])
    return {"y": x}


def in_python(x):
    return {"y": tf.numpy_function(lambda value: value, [x], tf.string)}


def from_python(x):
    return {"y": tf.py_function(lambda value: value, [x], tf.string)}


def printed(x):
    tf.print(x, output_stream="file:///tmp/printed")
    return {"y": x}


@pytest.mark.parametrize(
    ("function", "operation"),
    [
        (lambda x: {"y": tf.io.read_file(x[0])}, "ReadFile"),
        (lambda x: {"y": tf.io.matching_files(x)}, "MatchingFiles"),
        (in_a_loop, "ReadFile"),
        (in_a_branch, "ReadFile"),
        (unused, "WriteFile"),
        (in_python, "PyFunc"),
        (from_python, "EagerPyFunc"),
        (printed, "PrintV2"),
        (lambda x: {"y": tf.data.TextLineDataset(x).reduce(b"", lambda old, new: new)}, "TextLineDataset"),
    ],
)
def test_operation_that_does_more_than_compute_is_refused(tmp_path, function, operation):
    folder = save(tmp_path, function)
    with pytest.raises(LodestarError) as caught:
        check(folder)
    assert f"`{operation}`" in caught.value.problem
    assert caught.value.source == str(folder)


def test_operation_can_be_allowed_by_name(tmp_path):
    folder = save(tmp_path, lambda x: {"y": tf.io.read_file(x[0])})
    check(folder, ["ReadFile"])


def restored(x):
    return {"y": tf.raw_ops.RestoreV2(prefix=x[0], tensor_names=x, shape_and_slices=x, dtypes=[tf.string])[0]}


def from_file(x):
    table = tf.raw_ops.HashTableV2(key_dtype=tf.string, value_dtype=tf.int64)
    lines, numbers = tf.lookup.TextFileIndex.WHOLE_LINE, tf.lookup.TextFileIndex.LINE_NUMBER
    tf.raw_ops.InitializeTableFromTextFileV2(
        table_handle=table, filename=x[0], key_index=lines, value_index=numbers
    )
    return {"y": x}


@pytest.mark.parametrize(
    ("function", "operation"), [(restored, "RestoreV2"), (from_file, "InitializeTableFromTextFileV2")]
)
def test_request_does_not_get_to_what_loads_variables(tmp_path, function, operation):
    folder = save(tmp_path, function, tracked=tf.Variable(1.0))
    with pytest.raises(LodestarError) as caught:
        check(folder)
    assert f"read or write files with `{operation}`" in caught.value.problem


def test_loading_must_not_write(tmp_path):
    folder = save(tmp_path, lambda x: {"y": x}, tracked=tf.Variable(1.0))
    graph = SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    saver = graph.meta_graphs[0].saver_def
    saver.restore_op_name = saver.save_tensor_name
    (folder / "saved_model.pb").write_bytes(graph.SerializeToString())
    with pytest.raises(LodestarError, match="loading it writes files with `MergeV2Checkpoints`, `SaveV2`"):
        check(folder)


def test_model_with_variables_vocabulary_and_loops_is_taken(tmp_path):
    vocabulary = tmp_path / "words.txt"
    vocabulary.write_text("a\nb\n")
    initializer = tf.lookup.TextFileInitializer(
        str(vocabulary),
        tf.string,
        tf.lookup.TextFileIndex.WHOLE_LINE,
        tf.int64,
        tf.lookup.TextFileIndex.LINE_NUMBER,
    )
    table, weight = tf.lookup.StaticHashTable(initializer, -1), tf.Variable(2.0)
    folder = save(
        tmp_path / "model",
        lambda x: {"y": tf.map_fn(lambda i: weight * tf.cast(i, tf.float32), table.lookup(x), tf.float32)},
        tracked=[table, weight],
    )
    check(folder)
    graph = SavedModel.FromString((folder / "saved_model.pb").read_bytes()).meta_graphs[0].graph_def
    used = {node.op for function in graph.library.function for node in function.node_def}
    assert {"RestoreV2", "SaveV2", "InitializeTableFromTextFileV2"} <= used


def test_folder_without_a_graph_is_refused(tmp_path):
    with pytest.raises(LodestarError, match="cannot be read"):
        check(tmp_path)


def test_file_that_is_no_graph_is_refused(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"no protocol buffer")
    with pytest.raises(LodestarError, match="cannot be read"):
        check(tmp_path)


@pytest.mark.parametrize("name", ["saved_model.cpb", "saved_model.pbtxt"])
def test_second_graph_that_tensorflow_would_prefer_is_refused(tmp_path, name):
    folder = save(tmp_path, lambda x: {"y": x})
    (folder / name).write_bytes(b"")
    with pytest.raises(LodestarError, match=name):
        check(folder)


def test_dangerous_operations_are_not_in_the_list():
    assert set(DANGEROUS.split()) & allowed_operations() == set()
    assert allowed_operations() & WHILE_LOADING == set()


def test_list_names_operations_of_this_tensorflow_each_once():
    names = [*allowed_operations()]
    missing = [name for name in names if not hasattr(tf.raw_ops, name)]
    assert missing == []
