from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, strategies
from hypothesis import settings as hypothesis_settings
from tensorflow.core.protobuf import saved_model_pb2

from components.models.matrix_factorization.fit import new_factors
from components.models.matrix_factorization.network import Ratings
from components.models.matrix_factorization.serving import Catalogue, Recommender
from components.retrieval.build import IndexOptions

from .conftest import settings

USERS, ITEMS = 6, 9
LOWEST = np.finfo(np.float32).min
GENRES = {"ü i0".encode(): [b"Drama"], "ü i3".encode(): [b"Drama", b"War"], "ü i4".encode(): [b"War"]}


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory) -> Catalogue:
    folder = tmp_path_factory.mktemp("vocabularies")
    users, items = ([f"{kind}{n}" for n in range(count)] for kind, count in (("u", USERS), ("ü i", ITEMS)))
    for name, ids in (("users", users), ("items", items)):
        (folder / name).write_text("".join(f"{one}\n" for one in ids))
    titles = {b"\xc3\xbc i0": "Zéro".encode(), b"cold": b"Never rated"}
    names = [one.encode() for one in items]
    return Catalogue(str(folder / "users"), str(folder / "items"), names, titles, GENRES)


def some_ratings(pairs: set[tuple[int, int]]) -> Ratings:
    users, items = np.array(sorted(pairs)).T
    values = 1.0 + (users * 7 + items * 3) % 5
    return Ratings(users, items, values.astype(np.float32), (USERS, ITEMS))


def recommender(catalogue: Catalogue, ratings: Ratings, top_k: int = 4, damping: float = 0.0) -> Recommender:
    factors = new_factors(ratings, settings(train={"init_scale": 0.4, "dimensions": 3}).train)
    factors.item_bias.assign(np.append(np.linspace(-0.5, 0.5, ITEMS), 0).astype(np.float32))
    return Recommender(factors, ratings, catalogue, top_k, damping)


def saved(model: Recommender, folder: Path):
    tf.saved_model.save(model, str(folder), signatures=model.signatures())
    return tf.saved_model.load(str(folder))


def ask(model: Recommender, users: list[str], exclude: bool) -> tuple[list[list[str]], np.ndarray]:
    answer = model.recommend(tf.constant(users), tf.fill([len(users)], exclude))
    ids = [[one.decode() for one in row] for row in answer["ids"].numpy()]
    return ids, answer["scores"].numpy()


PAIRS = strategies.sets(
    strategies.tuples(strategies.integers(0, USERS - 1), strategies.integers(0, ITEMS - 1)), min_size=1
)


@hypothesis_settings(deadline=None, max_examples=20)
@given(pairs=PAIRS, top_k=strategies.integers(1, 12), damping=strategies.sampled_from([0.0, 2.0]))
def test_seen_items_are_never_recommended_when_excluded(catalogue, pairs, top_k, damping):
    ids, scores = ask(
        recommender(catalogue, some_ratings(pairs), top_k, damping), [f"u{u}" for u in range(USERS)], True
    )
    for user, (row, row_scores) in enumerate(zip(ids, scores, strict=True)):
        seen = {f"ü i{item}" for u, item in pairs if u == user}
        shown = [one for one in row if one]
        assert len(shown) == min(top_k, ITEMS - len(seen))
        assert len(set(shown)) == len(shown)
        assert not seen & set(shown)
        assert (row_scores[len(shown) :] == LOWEST).all()
        assert (np.diff(row_scores) <= 0).all()


def test_seen_items_are_ranked_too_when_not_excluded(catalogue):
    model = recommender(catalogue, some_ratings({(0, item) for item in range(ITEMS)}), top_k=ITEMS)
    (ids,), _ = ask(model, ["u0"], False)
    assert sorted(ids) == [f"ü i{n}" for n in range(ITEMS)]


def test_without_damping_items_are_ranked_by_predicted_rating(catalogue):
    model = recommender(catalogue, some_ratings({(0, 1), (2, 3)}), top_k=ITEMS)
    (ids,), scores = ask(model, ["u2"], False)
    factors = model.factors
    products = tf.linalg.matvec(factors.item_embedding, factors.user_embedding[2])
    unclipped = factors.in_ratings(factors.user_bias[2] + products + factors.item_bias)[:ITEMS].numpy()
    assert ids == [f"ü i{n}" for n in np.argsort(-unclipped)]
    assert scores[0] == pytest.approx(np.sort(unclipped)[::-1])


def test_damping_puts_often_rated_items_before_equally_good_obscure_ones(catalogue):
    ratings = some_ratings({(user, 2) for user in range(USERS)} | {(0, item) for item in range(ITEMS)})
    model = recommender(catalogue, ratings, top_k=ITEMS, damping=1.0)
    model.factors.item_embedding.assign(tf.zeros_like(model.factors.item_embedding))
    model.factors.item_bias.assign([*[0.5] * ITEMS, 0.0])
    model.leads.assign(model._leads())
    (ids,), _ = ask(model, ["u1"], False)
    assert ids[0] == "ü i2"
    # Items nobody likes are no reason for caution: the often rated one is surely bad.
    model.factors.item_bias.assign([*[-0.5] * ITEMS, 0.0])
    model.leads.assign(model._leads())
    (ids,), _ = ask(model, ["u1"], False)
    assert ids[-1] == "ü i2"


def test_unknown_user_gets_the_most_rated_items_scored_by_their_ratings(catalogue):
    pairs = {(0, 5), (1, 5), (2, 5), (0, 7), (1, 7), (4, 0)}
    model = recommender(catalogue, some_ratings(pairs), top_k=3)
    for exclude in (True, False):
        (ids,), scores = ask(model, ["nobody"], exclude)
        assert ids == ["ü i5", "ü i7", "ü i0"]
        assert scores.tolist() == [[3.0, 2.0, 1.0]]


def test_each_row_of_a_batch_is_answered_for_itself(catalogue):
    model = recommender(catalogue, some_ratings({(0, 5), (1, 5), (2, 7)}), top_k=ITEMS)
    users, exclude = ["nobody", "u0", "u0", "u2"], [True, True, False, True]
    together = model.recommend(tf.constant(users), tf.constant(exclude))["ids"].numpy()
    for row, (user, hide) in enumerate(zip(users, exclude, strict=True)):
        (alone,), _ = ask(model, [user], hide)
        assert [one.decode() for one in together[row]] == alone


def test_an_empty_batch_gives_an_empty_answer(catalogue):
    model = recommender(catalogue, some_ratings({(0, 5)}))
    answer = model.recommend(tf.constant([], tf.string), tf.constant([], tf.bool))
    assert answer["ids"].shape == (0, 4)


def test_saved_rate_equals_the_model_in_memory(catalogue, tmp_path):
    model = recommender(catalogue, some_ratings({(0, 5), (1, 5), (2, 7), (3, 1)}))
    served = saved(model, tmp_path).signatures["rate"]
    users, items = (array.ravel() for array in np.mgrid[0 : USERS + 1, 0 : ITEMS + 1])
    user_ids = tf.constant([f"u{u}" if u < USERS else "nobody" for u in users])
    item_ids = tf.constant([f"ü i{i}" if i < ITEMS else "nothing" for i in items])
    rated = served(user_id=user_ids, item_id=item_ids)["rating"].numpy()
    assert rated == pytest.approx(model.factors.rate(users, items).numpy(), rel=1e-6)


def test_saved_signatures_take_and_give_what_the_contract_says(catalogue, tmp_path):
    served = saved(recommender(catalogue, some_ratings({(0, 5), (1, 6)})), tmp_path)
    inputs = {name: set(served.signatures[name].structured_input_signature[1]) for name in served.signatures}
    assert inputs == {
        "serving_default": {"user_id", "exclude_seen"},
        "retrieve": {"user_id", "exclude_seen", "exclude_ids", "categories", "n_probe"},
        "similar": {"ids"},
        "vectors": {"ids"},
        "rate": {"user_id", "item_id"},
        "embed": {"user_id"},
        "titles": {"ids"},
    }
    answer = served.signatures["serving_default"](
        user_id=tf.constant(["u0", "nobody"]), exclude_seen=tf.constant([True, True])
    )
    assert (answer["ids"].dtype, answer["scores"].dtype) == (tf.string, tf.float32)
    assert answer["ids"].shape == answer["scores"].shape == (2, 4)


def test_embed_is_the_users_embedding_and_zeros_for_a_stranger(catalogue):
    model = recommender(catalogue, some_ratings({(0, 5)}))
    found = model.embed(tf.constant(["u3", "nobody"]))["embedding"].numpy()
    assert np.array_equal(found[0], model.factors.user_embedding.numpy()[3])
    assert not found[1].any()


def test_titles_of_unknown_items_and_padding_are_empty(catalogue):
    model = recommender(catalogue, some_ratings({(0, 5)}))
    found = model.titles(tf.constant(["ü i0", "ü i1", "cold", "nothing", ""]))["titles"].numpy()
    assert [one.decode() for one in found] == ["Zéro", "", "Never rated", "", ""]


def test_a_catalogue_without_any_title_is_served(catalogue, tmp_path):
    bare = Catalogue(catalogue.user_file, catalogue.item_file, catalogue.item_ids, {})
    served = saved(recommender(bare, some_ratings({(0, 5)})), tmp_path)
    assert served.signatures["titles"](ids=tf.constant(["ü i0"]))["titles"].numpy().tolist() == [b""]


def retrieved(model: Recommender, users: list[str], **filters: list) -> list[list[str]]:
    """Return what is left of the answers, without padding."""
    given = {name: tf.constant(values) for name, values in filters.items()}
    ids = model.retrieve(tf.constant(users), **given)["ids"].numpy()
    return [[one.decode() for one in row if one] for row in ids]


def test_retrieve_without_filters_answers_as_serving_default_does(catalogue):
    model = recommender(catalogue, some_ratings({(0, 5), (1, 6)}), top_k=20)
    users = ["u0", "u1", "nobody"]
    expected = model.recommend(tf.constant(users), tf.fill([3], True))
    found = model.retrieve(tf.constant(users))
    assert np.array_equal(found["ids"].numpy(), expected["ids"].numpy())
    assert np.array_equal(found["scores"].numpy(), expected["scores"].numpy())


def test_retrieve_leaves_out_what_each_row_excludes(catalogue):
    model = recommender(catalogue, some_ratings({(0, 5), (1, 6)}), top_k=20)
    (everything, all_of_u1) = retrieved(model, ["u0", "u1"], exclude_seen=[False, True])
    exclude = [["ü i2", "nothing", everything[0]], [all_of_u1[1], "", ""]]
    first, second = retrieved(model, ["u0", "u1"], exclude_seen=[False, True], exclude_ids=exclude)
    assert first == [one for one in everything if one not in exclude[0]]
    assert second == [one for one in all_of_u1 if one not in exclude[1]]
    assert "ü i6" not in second


def test_retrieve_keeps_to_the_categories_of_each_row(catalogue):
    model = recommender(catalogue, some_ratings({(0, 5), (1, 6)}), top_k=20)
    asked = [["Drama", ""], ["War", "Drama"], ["", ""], ["unheard-of", ""]]
    found = retrieved(model, ["u0"] * 4, categories=asked)
    assert [set(row) for row in found[:2]] == [{"ü i0", "ü i3"}, {"ü i0", "ü i3", "ü i4"}]
    assert len(found[2]) == ITEMS - 1
    assert found[3] == []


def test_the_saved_model_says_what_inputs_may_be_left_out(catalogue, tmp_path):
    model = recommender(catalogue, some_ratings({(0, 5)}))
    saved(model, tmp_path)
    described = saved_model_pb2.SavedModel.FromString((tmp_path / "saved_model.pb").read_bytes())
    defaults = described.meta_graphs[0].signature_def["retrieve"].defaults
    shapes = {name: tf.make_ndarray(value).tolist() for name, value in defaults.items()}
    assert shapes == {"exclude_seen": [True], "exclude_ids": [[]], "categories": [[]], "n_probe": [0]}


def test_similar_ranks_the_other_items_by_the_cosine_of_their_vectors(catalogue):
    model = recommender(catalogue, some_ratings({(0, 5)}), top_k=20)
    answer = model.similar(tf.constant(["ü i3", "nothing"]))
    vectors = model.vectors(tf.constant([f"ü i{i}" for i in range(ITEMS)]))["embedding"].numpy()
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = units @ units[3]
    order = [i for i in np.argsort(-cosines) if i != 3]
    assert [one.decode() for one in answer["ids"].numpy()[0]] == [f"ü i{i}" for i in order] + [""]
    assert answer["scores"].numpy()[0, :-1] == pytest.approx(cosines[order], abs=1e-6)
    assert answer["ids"].numpy()[1].tolist() == [b""] * ITEMS


def test_vectors_are_the_items_embeddings_and_zeros_for_a_stranger(catalogue):
    model = recommender(catalogue, some_ratings({(0, 5)}))
    found = model.vectors(tf.constant(["ü i3", "nothing"]))["embedding"].numpy()
    assert np.array_equal(found[0], model.factors.item_embedding.numpy()[3])
    assert not found[1].any()


@pytest.mark.parametrize("quantized", [False, True], ids=["full", "quantized"])
def test_an_index_ranks_and_filters_as_an_exact_search_does(quantized, tmp_path):
    users, items = 30, 400
    for name, count in (("users", users), ("items", items)):
        (tmp_path / name).write_text("".join(f"{name[0]}{n}\n" for n in range(count)))
    names = [f"i{n}".encode() for n in range(items)]
    genres = {name: [b"few"] for name in names[::40]}
    catalogue = Catalogue(str(tmp_path / "users"), str(tmp_path / "items"), names, {}, genres)
    random = np.random.default_rng(0)
    pairs = random.permutation(users * items)[:3000]
    ratings = Ratings(pairs // items, pairs % items, np.ones(3000, np.float32), (users, items))
    factors = new_factors(ratings, settings(train={"init_scale": 0.4, "dimensions": 3}).train)
    index = IndexOptions("ivf", quantized, cells=64, n_probe=8)
    models = [
        Recommender(factors, ratings, catalogue, 10, 1.0, one) for one in (IndexOptions("exact"), index)
    ]
    asked = [f"u{n}" for n in range(users)] + ["nobody"]
    exact, found = (retrieved(model, asked, exclude_ids=[["i3", "i7"]]) for model in models)
    shared = [len({*one} & {*other}) for one, other in zip(exact, found, strict=True)]
    assert np.mean(shared) > 6
    assert exact[-1] == found[-1]
    assert retrieved(models[1], asked, n_probe=[-1]) == retrieved(models[0], asked)
    few = [retrieved(model, asked, categories=[["few"]]) for model in models]
    assert few[0] == few[1]
