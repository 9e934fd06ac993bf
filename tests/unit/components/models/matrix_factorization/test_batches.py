import numpy as np
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from components.models.matrix_factorization.batches import Deck
from components.models.matrix_factorization.network import Ratings, Scale

from .conftest import settings

TRAIN = settings().train


def deck_of(count: int) -> tuple[Deck, Ratings]:
    """Return `count` ratings of different values, so that each can be told."""
    random = np.random.default_rng(0)
    users, items = random.integers(0, 9, count), random.integers(0, 7, count)
    ratings = Ratings(users, items, np.arange(count, dtype=np.float32), (9, 7))
    return Deck(ratings, Scale(0.0, 1.0, 0.0, float(count)), TRAIN), ratings


@hypothesis_settings(deadline=None)
@given(count=st.integers(1, 200), size=st.integers(1, 40), parts=st.integers(1, 5), epoch=st.integers(0, 3))
def test_the_parts_of_an_epoch_are_all_ratings_once(count, size, parts, epoch):
    deck, ratings = deck_of(count)
    dealt = [deck.shuffled(epoch, size, part, parts) for part in range(parts)]
    # Every process has to run the same steps, or it waits for the others for ever.
    assert len({batches.users.shape for batches in dealt}) == 1
    real = [batches.weights == 1 for batches in dealt]
    targets = np.concatenate([batches.targets[kept] for batches, kept in zip(dealt, real, strict=True)])
    users = np.concatenate([batches.users[kept] for batches, kept in zip(dealt, real, strict=True)])
    order = np.argsort(targets)
    assert targets[order].tolist() == ratings.values.tolist()
    assert users[order].tolist() == ratings.users.tolist()


@given(count=st.integers(1, 200), size=st.integers(1, 40), parts=st.integers(1, 5))
def test_padding_is_an_unknown_user_and_item_without_weight(count, size, parts):
    deck, _ = deck_of(count)
    for part in range(parts):
        batches = deck.in_order(size, part, parts)
        padding = batches.weights == 0
        assert (batches.users[padding] == 9).all()
        assert (batches.items[padding] == 7).all()
        assert (batches.user_damping[padding] == 0).all()


def test_a_rating_stays_in_its_part_while_the_order_changes():
    deck, _ = deck_of(100)
    first, second = (deck.shuffled(epoch, 10, part=1, parts=3) for epoch in (0, 1))
    assert sorted(first.targets.ravel()) == sorted(second.targets.ravel())
    assert first.targets.ravel().tolist() != second.targets.ravel().tolist()


def test_the_same_epoch_is_dealt_the_same_way_again():
    one, other = (deck_of(100)[0].shuffled(4, 16, 0, 2) for _ in range(2))
    assert all((a == b).all() for a, b in zip(one, other, strict=True))


def test_the_damping_of_a_row_is_divided_among_its_ratings():
    deck, ratings = deck_of(150)
    batches = deck.in_order(150)
    for user in np.unique(ratings.users):
        shares = batches.user_damping[0][batches.users[0] == user]
        np.testing.assert_allclose(shares.sum(), TRAIN.bias_damping, rtol=1e-5)
