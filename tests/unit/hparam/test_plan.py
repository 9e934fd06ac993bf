from __future__ import annotations

import pytest

from components.errors import InputError
from components.family import Family, find_family
from hparam.plan import SweepPlan
from hparam.spec import Budget, Inputs
from pipelines.settings import load_settings

INPUTS = Inputs(examples="/examples", transform_graph="/graph")


@pytest.fixture(scope="module")
def ratings() -> Family:
    return find_family("matrix-factorization")


@pytest.fixture(scope="module")
def search() -> Family:
    return find_family("text-search")


def test_metric_that_blesses_is_searched_for_in_its_own_direction(ratings: Family, search: Family) -> None:
    plans = {family.name: SweepPlan().resolved(family, load_settings(family)) for family in (ratings, search)}
    found = {name: (plan.metric, plan.higher_is_better) for name, plan in plans.items()}
    assert found == {"matrix-factorization": ("rmse", False), "text-search": ("ndcg@10", True)}


def test_other_metric_than_the_one_that_blesses_goes_by_its_name(search: Family, ratings: Family) -> None:
    assert SweepPlan(metric="mrr@100").resolved(search, load_settings(search)).higher_is_better
    blessed_by_ranking = load_settings(
        ratings, overrides=["evaluate.metric=ndcg@10", "evaluate.higher_is_better=true"]
    )
    plan = SweepPlan().resolved(ratings, blessed_by_ranking)
    assert (plan.metric, plan.higher_is_better) == ("rmse", False)


def test_metric_that_trials_do_not_report_is_refused_with_the_nearest(search: Family) -> None:
    with pytest.raises(InputError, match="do not report `ndcg@11`") as caught:
        SweepPlan(metric="ndcg@11").resolved(search, load_settings(search))
    assert "Did you mean `ndcg@10`?" in str(caught.value)


def test_spec_has_all_that_a_journal_needs(ratings: Family) -> None:
    settings = load_settings(ratings, overrides=["train.epochs=3"])
    plan = SweepPlan(budget=Budget(trials=7, parallel=2), seed=5).resolved(ratings, settings)
    sections = settings.model_dump(mode="json", exclude={"evaluate", "validation"})
    spec = plan.spec("films", ratings, sections, INPUTS)
    assert (spec.name, spec.family, spec.metric, spec.seed) == ("films", ratings.name, "rmse", 5)
    assert spec.space == settings.search and spec.settings["train"]["epochs"] == 3
    assert spec.budget.trials == 7 and spec.inputs == INPUTS


def test_mistake_in_the_space_is_told_before_anything_runs(ratings: Family) -> None:
    settings = load_settings(ratings, overrides=["search.train.learning_rat={uniform: [0.1, 0.2]}"])
    with pytest.raises(InputError, match="learning_rat"):
        SweepPlan().resolved(ratings, settings)
