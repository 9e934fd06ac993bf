"""Everything that the API's handlers need, made from the settings and closed together."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from components.family import Family, family_names, find_family

from .catalogue import Catalogue
from .database import Database
from .deployments import DeploymentFile
from .errors import GatewayError, bad_request
from .feedback import Feedback, FeedbackLog
from .follower import Follower
from .importer import Importer
from .keys import Keys
from .limits import RateLimit
from .metrics import Metrics
from .models import Models
from .predictor import Call, Predictor
from .ranking import Ranker
from .routing import Router
from .settings import GatewaySettings
from .sharded import Shards
from .tracing import Tracer, headers

QueryKind = Literal["text", "image", "audio", "user"]


@dataclass(frozen=True)
class Gateway:
    """A gateway's parts.

    Attributes:
        settings: What it was told.
        families: Families that can be asked, by name.
        predictor: Asks model servers.
        router: Chooses versions.
        models: Asks for rankings and vectors.
        ranker: Answers queries.
        database: The tables.
        catalogue: Items and users.
        log: The files of feedback.
        feedback: Takes events.
        metrics: Counts.
        tracer: Follows requests.
        keys: Accepted API keys; None: none is asked for.
        rate: How much one caller may ask.
        follower: Fills the catalogue.
    """

    settings: GatewaySettings
    families: Mapping[str, Family]
    predictor: Predictor
    router: Router
    models: Models
    ranker: Ranker
    database: Database
    catalogue: Catalogue
    log: FeedbackLog
    feedback: Feedback
    metrics: Metrics
    tracer: Tracer
    keys: Keys | None
    rate: RateLimit
    follower: Follower

    @classmethod
    def make(
        cls,
        settings: GatewaySettings,
        families: Mapping[str, Family] | None = None,
        now: Callable[[], float] = time.time,
    ) -> Gateway:
        """Return a gateway; nothing is asked of a model server yet.

        Args:
            settings: What it is told.
            families: Families by name; None for all there are.
            now: Seconds since 1970.

        Raises:
            InputError: A setting is wrong.
            LodestarError: The database cannot be used.
        """
        if families is None:
            families = {name: find_family(name) for name in family_names()}
        keys = Keys(settings.api_keys) if settings.api_keys else None
        rate = RateLimit(settings.rate_limit)
        metrics, tracer = Metrics(), Tracer()

        def ended(call: Call) -> None:
            metrics.call(call)
            tracer.call(call)

        predictor = Predictor(
            settings.servers, timeout=settings.timeout_seconds, on_call=ended, headers=headers
        )
        router = Router(DeploymentFile(settings.deployments))
        models = Models(predictor, router, Shards(predictor, settings.shards))
        database = Database(settings.database_url)
        importer = Importer(database, now)
        catalogue, log = Catalogue(database), FeedbackLog(settings.feedback, now)
        return cls(
            settings=settings,
            families=families,
            predictor=predictor,
            router=router,
            models=models,
            ranker=Ranker(models, catalogue),
            database=database,
            catalogue=catalogue,
            log=log,
            feedback=Feedback(log, database, now, metrics.kept),
            metrics=metrics,
            tracer=tracer,
            keys=keys,
            rate=rate,
            follower=Follower(families, settings.serving, predictor, router, importer, metrics.imported),
        )

    def family(self, name: str | None, kind: QueryKind | None = None) -> Family:
        """Return the family `name`, or the only one that is asked with `kind` when no name is given.

        Raises:
            GatewayError: There is no such family, or it is asked otherwise.
        """
        fitting = {n: f for n, f in sorted(self.families.items()) if kind in (None, query_kind(f))}
        listed = ", ".join(fitting) or "none"
        if name is None:
            if len(fitting) == 1:
                return next(iter(fitting.values()))
            raise bad_request(f"Say which model is asked; models: {listed}.", "model")
        if name not in self.families:
            raise GatewayError(
                404, "unknown_model", f"There is no model `{name[:80]}`; models: {listed}.", field="model"
            )
        if name not in fitting:
            message = f"`{name}` is asked with {_WITH[query_kind(self.families[name])]}; models: {listed}."
            raise bad_request(message, "model", "wrong_kind")
        return self.families[name]

    def start(self) -> None:
        """Begin to fill the catalogue, where that is wanted."""
        if self.settings.import_catalogue:
            self.follower.start()

    def close(self) -> None:
        """Close every connection and file; spans that are left are exported."""
        self.follower.stop()
        self.models.shards.close()
        self.predictor.close()
        self.log.close()
        self.database.close()
        self.tracer.close()


_WITH: Mapping[QueryKind, str] = {
    "text": "words",
    "image": "an image",
    "audio": "a sound",
    "user": "a user",
}


def query_kind(family: Family) -> QueryKind:
    """Return what a family is asked with."""
    if family.query.upload is not None:
        return family.query.upload
    return "text" if family.query.text_input is not None else "user"
