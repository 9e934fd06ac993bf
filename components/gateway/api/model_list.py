"""`/v1/models`: what can be asked, and which versions there are."""

from __future__ import annotations

from fastapi import APIRouter

from components.family import Family

from ..failures import explained
from ..gateway import Gateway, query_kind
from ..predictor import NEWEST, PredictorError, Which
from ..routing import Ask
from ..schemas import CanaryShare, Model, ModelList, RatingScale, Version
from .parameters import ERRORS, Served

router = APIRouter(tags=["models"])

_TIMEOUT_SECONDS = 2.0


@router.get("/v1/models", responses=ERRORS, summary="What can be asked")
def models(gateway: Served) -> ModelList:
    """Return every family that a server has a version of; one whose server is away is left out."""
    found, failures = [], []
    for _, family in sorted(gateway.families.items()):
        try:
            found.append(_model(gateway, family))
        except PredictorError as error:
            if error.code != "NOT_FOUND":
                failures.append(error)
    if failures and not found:
        raise explained(failures[0])
    return ModelList(models=found)


def _model(gateway: Gateway, family: Family) -> Model:
    versions = gateway.predictor.versions(family.name, timeout=_TIMEOUT_SECONDS)
    deployed = gateway.router.deployed(family.name)
    labels: dict[int, list[str]] = {}
    if deployed.stable is not None:
        labels[deployed.stable] = ["stable"]
    if deployed.canary is not None:
        labels.setdefault(deployed.canary.version, []).append("canary")
    canary = deployed.canary and CanaryShare(version=deployed.canary.version, percent=deployed.canary.percent)
    scale = gateway.catalogue.scale(family.name)
    return Model(
        name=family.name,
        task=family.task,
        title=family.title,
        query=query_kind(family),
        signatures=_signatures(gateway, family),
        versions=[
            Version(version=number, state=state, labels=labels.get(number, [])) for number, state in versions
        ],
        stable=deployed.stable,
        canary=canary,
        ratings=scale and RatingScale(low=scale[0], high=scale[1]),
    )


def _signatures(gateway: Gateway, family: Family) -> list[str]:
    def ask(which: Which) -> list[str]:
        names = gateway.models.signatures(family.name, which).inputs
        return sorted(name for name in names if not name.startswith("_"))

    try:
        return gateway.router.send(Ask(family.name, NEWEST), ask)[1]
    except PredictorError:
        return []
