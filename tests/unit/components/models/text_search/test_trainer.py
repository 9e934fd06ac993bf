import shutil

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.summary.summary_iterator import summary_iterator

from components.models.text_search import trainer
from components.models.text_search.collection import read_collection
from components.models.text_search.transform import VOCABULARY

from .conftest import CORPUS, Prepared, configured, history, search

DEPTH = len(CORPUS)
LOWEST = np.finfo(np.float32).min


def built(prepared, settings):
    """Return the model as it is in the trainer, before it is exported."""
    collection = read_collection(
        prepared.data.transformed, prepared.graph.vocabulary_size_by_name(VOCABULARY)
    )
    model = trainer.build(
        settings.transform, settings.train, settings.serve.top_k, collection, prepared.graph
    )
    trainer.fit_fusion(model, settings.train, collection, prepared.data.transformed)
    return model


def answers(model, *queries: str) -> dict[str, np.ndarray]:
    found = model.signatures["serving_default"](query=tf.constant(queries))
    return {name: values.numpy() for name, values in found.items()}


def test_a_plain_query_string_finds_the_document(model):
    assert search(model, "cells that divide")[0][0] == "d0"
    assert search(model, "vitamin D")[0][0] in ("d4", "d5")
    assert search(model, "東京")[0][0] == "d6"


def test_queries_without_known_terms_get_padding_and_no_error(model):
    found = answers(model, "", "  ", "xylophones", "the of and", "❤️")
    assert (found["ids"] == b"").all()
    assert (found["scores"] == LOWEST).all()
    assert found["ids"].shape == (5, DEPTH)


def test_an_empty_batch_has_no_rows(model):
    assert model.signatures["serving_default"](query=tf.constant([], tf.string))["ids"].shape == [0, DEPTH]


def test_scores_fall_and_documents_come_once(model):
    found = answers(model, "heart disease in mice", "blood pressure of patients")
    assert (np.diff(found["scores"], axis=1) <= 0).all()
    for row in found["ids"]:
        names = [name for name in row if name]
        assert len(names) == len(set(names)) > 1


def test_a_query_is_answered_alone_as_in_a_batch(model):
    queries = ["heart", "", "gene therapy in mice", "東京"]
    batch = answers(model, *queries)
    for row, query in enumerate(queries):
        alone = answers(model, query)
        assert alone["ids"][0].tolist() == batch["ids"][row].tolist()
        np.testing.assert_allclose(alone["scores"][0], batch["scores"][row], rtol=1e-5)


def test_titles_are_known_by_id(model):
    titles = model.signatures["titles"](ids=tf.constant(["d3", "nobody", "d5", "d6"]))["titles"].numpy()
    assert [title.decode() for title in titles] == ["Gene therapy", "", "", "天気"]


@pytest.mark.parametrize(
    "train",
    [
        {"encoder": "tfidf"},
        {"encoder": "bm25"},
        {"encoder": "lsa", "dimensions": 5},
        {"encoder": "glove"},
        {"encoder": "fused", "dimensions": 5},
        {"encoder": "fused", "fusion": "rrf", "fuse": ["tfidf", "bm25", "glove"], "weights": [1, 1, 0.5]},
    ],
    ids=lambda train: "-".join(str(value) for value in train.values()),
)
def test_the_served_model_scores_and_embeds_as_the_trained_one_does(prepared, tmp_path, train):
    settings = configured(train=train)
    trainer.run_fn(prepared.fn_args(settings, tmp_path))
    served, trained = tf.saved_model.load(str(tmp_path / "serving")), built(prepared, settings)
    queries = tf.constant(["heart disease", "genes of mice", "unheard-of", "the heart, the heart"])
    expected, found = trained.search(queries), served.signatures["serving_default"](query=queries)
    np.testing.assert_array_equal(found["ids"], expected["ids"])
    np.testing.assert_allclose(found["scores"], expected["scores"], rtol=1e-5)
    embedding = served.signatures["embed"](query=queries)["embedding"]
    np.testing.assert_allclose(embedding, trained.embed(queries)["embedding"], rtol=1e-5, atol=1e-6)


def test_embeddings_have_length_1_or_0(model):
    embedding = model.signatures["embed"](query=tf.constant(["heart", ""]))["embedding"].numpy()
    np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), [1, 0], atol=1e-5)


def test_a_session_that_knows_only_stock_ops_serves_it(fused):
    # What TensorFlow Serving does: restore the variables, run the initializer, feed and fetch by name.
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        meta = tf.compat.v1.saved_model.load(session, ["serve"], str(fused / "serving"))
        signature, titles = meta.signature_def["serving_default"], meta.signature_def["titles"]
        ids = session.run(signature.outputs["ids"].name, {signature.inputs["query"].name: ["stem cells"]})
        title = session.run(titles.outputs["titles"].name, {titles.inputs["ids"].name: ids[0, :1]})
    assert title.tolist() == [b"Stem cells"]


def test_the_eval_split_is_not_needed_and_changes_nothing(prepared, fused, tmp_path):
    # A copy without the eval split gives the same model: nothing of it was read.
    shutil.copytree(prepared.root, tmp_path / "data")
    shutil.rmtree(tmp_path / "data" / "transformed" / "Split-eval")
    copied = Prepared(tmp_path / "data")
    trainer.run_fn(copied.fn_args(configured(train={"dimensions": 4}), tmp_path / "out"))
    one, two = (
        tf.saved_model.load(str(fused / "serving")),
        tf.saved_model.load(str(tmp_path / "out" / "serving")),
    )
    queries = ["heart disease", "blood pressure"]
    np.testing.assert_array_equal(answers(one, *queries)["ids"], answers(two, *queries)["ids"])
    np.testing.assert_allclose(answers(one, *queries)["scores"], answers(two, *queries)["scores"], rtol=1e-5)
    assert history(fused) == history(tmp_path / "out")


def test_a_collection_without_training_queries_keeps_the_default_weights(prepared, tmp_path):
    shutil.copytree(prepared.root, tmp_path / "data")
    shutil.rmtree(tmp_path / "data" / "transformed" / "Split-train")
    copied = Prepared(tmp_path / "data")
    settings = configured(train={"dimensions": 4, "weights": [1.0, 0.8]})
    trainer.run_fn(copied.fn_args(settings, tmp_path / "out"))
    weights = tf.saved_model.load(str(tmp_path / "out" / "serving")).scorer.weights.numpy()
    np.testing.assert_allclose(weights, [1.0, 0.8])
    assert history(tmp_path / "out")["series"] == {}


def test_top_k_cuts_the_answer(prepared, tmp_path):
    trainer.run_fn(prepared.fn_args(configured(train={"encoder": "bm25"}, serve={"top_k": 2}), tmp_path))
    model = tf.saved_model.load(str(tmp_path / "serving"))
    assert answers(model, "heart")["ids"].shape == (1, 2)


def test_tensorboard_gets_the_curve_the_graph_and_the_documents(fused):
    logs = fused / "logs"
    files = logs.glob("events.out.tfevents.*")
    found = [event for file in files for event in summary_iterator(str(file))]
    tags = {value.tag for event in found for value in event.summary.value}
    assert {"fusion/listwise loss", "collection/documents", "collection/terms"} <= tags
    assert any(event.graph_def for event in found)
    labels = (logs / "documents-labels.tsv").read_text().splitlines()
    assert len(labels) == len(CORPUS)
    # A document without a title goes by its id.
    assert {"Stem cells", "天気", "d5"} <= set(labels)


def test_the_report_gets_the_curve(fused):
    (values,) = history(fused)["series"].values()
    assert len(values) > 1
    assert values == sorted(values, reverse=True)


def test_retrieve_leaves_out_excluded_documents_and_nothing_else(model):
    found = answers(model, "heart disease in mice", "blood pressure")
    exclude = tf.constant([[found["ids"][0, 0], b"", b"nobody"], [found["ids"][1, 1], b"d6", b""]])
    nothing = tf.zeros([1, 0], tf.string)
    left = model.signatures["retrieve"](
        query=tf.constant(["heart disease in mice", "blood pressure"]),
        exclude_ids=exclude,
        categories=nothing,
        n_probe=tf.constant([0]),
    )["ids"].numpy()
    for row in range(2):
        expected = [one for one in found["ids"][row] if one and one not in exclude.numpy()[row]]
        assert [one for one in left[row] if one] == expected


def test_documents_are_in_no_category(model):
    found = model.signatures["retrieve"](
        query=tf.constant(["heart", "heart"]),
        exclude_ids=tf.zeros([2, 0], tf.string),
        categories=tf.constant([["health"], [""]]),
        n_probe=tf.constant([0, 0]),
    )["ids"].numpy()
    assert not any(found[0])
    assert any(found[1])


def test_similar_documents_are_those_with_the_nearest_vectors(model):
    answer = model.signatures["similar"](ids=tf.constant(["d8", "d7", "nobody"]))
    vectors = model.signatures["vectors"](ids=tf.constant([f"d{i}" for i in range(DEPTH)]))[
        "embedding"
    ].numpy()
    cosines = vectors @ vectors[8]
    cosines[8] = -2
    assert answer["ids"].numpy()[0, 0].decode() == f"d{np.argmax(cosines)}"
    assert answer["scores"].numpy()[0, 0] == pytest.approx(cosines.max(), abs=1e-5)
    assert b"d8" not in answer["ids"].numpy()[0]
    # An empty document has no direction, an unknown one is not there.
    assert not any(answer["ids"].numpy()[1]) and not any(answer["ids"].numpy()[2])


def test_an_encoder_without_document_vectors_leaves_their_signatures_out(prepared, tmp_path):
    trainer.run_fn(prepared.fn_args(configured(train={"encoder": "bm25"}), tmp_path))
    model = tf.saved_model.load(str(tmp_path / "serving"))
    assert set(model.signatures) == {"serving_default", "retrieve", "embed", "titles"}
