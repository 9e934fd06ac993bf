import numpy as np
import pytest

from components.errors import LodestarError
from components.metrics.damped_bias import DampedBias
from components.models.matrix_factorization.descent import rmse
from components.models.matrix_factorization.fit import fit
from components.models.matrix_factorization.network import Factors, Ratings

from .conftest import low_rank, settings

TRAIN = settings().train


class Report(dict):
    """Collects the curves."""

    def __call__(self, series: str, epoch: int, value: float) -> None:
        self.setdefault(series, []).append(value)
        assert len(self[series]) == epoch


def tables(factors: Factors) -> list[np.ndarray]:
    return [
        table.numpy()
        for table in (factors.user_bias, factors.item_bias, factors.user_embedding, factors.item_embedding)
    ]


def test_low_rank_ratings_are_predicted_far_better_than_by_biases():
    train, test = low_rank(users=100, items=50)
    bias = DampedBias.fit(train.users, train.items, train.values, train.shape)
    of_biases = np.sqrt(np.mean((bias.rate(test.users, test.items) - test.values) ** 2))
    assert rmse(fit(train, TRAIN, Report()), test) < 0.6 * of_biases


def test_the_refit_runs_the_epochs_that_were_best_on_validation():
    report = Report()
    fit(low_rank()[0], TRAIN, report)
    assert len(report["refit"]) == int(np.argmin(report["validation"])) + 1
    assert len(report["train"]) == len(report["validation"])


def test_training_stops_when_validation_no_longer_improves():
    random = np.random.default_rng(0)
    users, items = np.divmod(np.arange(400), 20)
    noise = Ratings(users, items, random.integers(1, 6, 400).astype(np.float32), (20, 20))
    report = Report()
    fit(noise, settings(train={"patience": 3, "bias_damping": 0.0}).train, report)
    best = int(np.argmin(report["validation"]))
    assert len(report["validation"]) == best + 1 + 3


def test_without_a_validation_part_every_epoch_runs_on_all_ratings():
    report = Report()
    fit(low_rank()[0], settings(train={"validation_fraction": 0, "epochs": 4}).train, report)
    assert {name: len(values) for name, values in report.items()} == {"train": 4}


def test_the_same_seed_gives_the_same_model():
    train, _ = low_rank()
    first, second = (tables(fit(train, TRAIN, Report())) for _ in range(2))
    # Not bit for bit: TensorFlow may add in another order, and rounding grows by 1e-7 a step.
    for one, other in zip(first, second, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_another_seed_gives_another_model():
    train, _ = low_rank()
    first, second = (fit(train, settings(train={"seed": seed}).train, Report()) for seed in (1, 2))
    assert not np.array_equal(first.user_bias.numpy(), second.user_bias.numpy())


def test_the_order_of_the_ratings_does_not_matter():
    train, _ = low_rank()
    shuffled = train.part(np.random.default_rng(5).permutation(len(train)))
    first, second = (tables(fit(ratings, TRAIN, Report())) for ratings in (train, shuffled))
    # Not bit for bit: TensorFlow may add in another order, and rounding grows by 1e-7 a step.
    for one, other in zip(first, second, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize(("factor", "shift"), [(20.0, 0.0), (0.1, 0.0), (2.0, -7.0)])
def test_ratings_on_another_scale_give_predictions_on_that_scale(factor, shift):
    train, test = low_rank()
    other = Ratings(train.users, train.items, (factor * train.values + shift).astype(np.float32), train.shape)
    choice = settings(train={"validation_fraction": 0, "epochs": 30}).train
    plain = fit(train, choice, Report()).rate(test.users, test.items).numpy()
    scaled = fit(other, choice, Report()).rate(test.users, test.items).numpy()
    # Rounding of the standardised ratings, 1e-7, grows in 30 epochs; a missed scale would be off by half.
    assert (scaled - shift) / factor == pytest.approx(plain, abs=1e-3)


def test_equal_ratings_are_predicted_exactly():
    ratings, test = low_rank()
    equal = Ratings(ratings.users, ratings.items, np.full(len(ratings), 4, np.float32), ratings.shape)
    assert (fit(equal, TRAIN, Report()).rate(test.users, test.items).numpy() == 4).all()


def test_a_single_rating_is_enough():
    one = Ratings(np.array([0]), np.array([0]), np.array([3.5], np.float32), (1, 1))
    assert fit(one, TRAIN, Report()).rate([0, 1], [0, 1]).numpy().tolist() == [3.5, 3.5]


def test_divergence_names_the_learning_rate_and_the_cure():
    wild = settings(
        train={"learning_rate": 0.5, "embedding_l2": 0, "bias_damping": 0, "init_scale": 30.0}
    ).train
    with pytest.raises(
        LodestarError, match=r"diverged in epoch \d+ with learning_rate 0.5\.\n.*train\.learning_rate"
    ):
        fit(low_rank()[0], wild, Report())
