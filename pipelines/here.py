"""A family's pipeline on this machine, with a line for every node; loads TFX when it is called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from components.datasets.fetch import resolve
from components.family import Family, FamilySettings
from components.home import Home
from hparam.plan import SweepPlan, SweepStep
from hparam.spec import Inputs
from pipelines.quiet import noise_to
from pipelines.run_name import fresh_run_name
from pipelines.terminal import NodeLines

if TYPE_CHECKING:
    from ml_metadata.proto.metadata_store_pb2 import ConnectionConfig as Connection
    from tfx.orchestration.pipeline import Pipeline

    from pipelines.local import NodeReport


class Here:
    """Runs a family's pipeline, whole or in part, and says what happens at every node.

    Args:
        family: Which model.
        settings: Its settings.
        home: Where everything is kept.
        beam_args: Options of the Beam runner for the data nodes.
        quiet: Print nothing.
    """

    def __init__(
        self,
        family: Family,
        settings: FamilySettings,
        home: Home,
        beam_args: Sequence[str] = (),
        quiet: bool = False,
    ) -> None:
        self.run_id = fresh_run_name(family.name)
        self.log: Path = home.logs / f"{self.run_id}.log"
        self._family, self._settings, self._home = family, settings, home
        self._root = home.pipeline_root(family.name)
        self._beam_args, self._quiet = beam_args, quiet

    def run(self, plan: SweepPlan | None = None) -> list[NodeReport]:
        """Run the whole pipeline, with a sweep before training when there is a plan.

        Raises:
            LodestarError: A node failed, or another run of the family is going on.
        """
        sweep = SweepStep(plan, self._home.sweeps) if plan else None
        return self._run(lambda metadata: self._whole(metadata, sweep))

    def prepare(self) -> Inputs:
        """Run the pipeline up to Transform, and return where its output is; nothing is done twice.

        Raises:
            LodestarError: A node failed, or another run of the family is going on.
        """
        made = {report.node: report.outputs for report in self._run(self._data)}["Transform"]
        return Inputs(examples=made["transformed_examples"], transform_graph=made["transform_graph"])

    def _whole(self, metadata: Connection, sweep: SweepStep | None) -> Pipeline:
        from pipelines.assemble import assemble

        model_root = self._home.serving / self._family.name
        return assemble(
            self._family, self._settings, self._root, model_root, metadata, self._beam_args, sweep
        )

    def _data(self, metadata: Connection) -> Pipeline:
        from pipelines.assemble import assemble_data

        return assemble_data(self._family, self._settings, self._root, metadata, self._beam_args)

    def _run(self, build: Callable[[Connection], Pipeline]) -> list[NodeReport]:
        # Ingest does it too; before TFX is loaded, a wrong name is told at once and progress is seen.
        resolve(self._settings.data.source, self._home.data, self._family.folder / "sample")
        reports: list[NodeReport] = []
        with noise_to(self.log) as terminal:
            lines = NodeLines(terminal)
            if not self._quiet:
                lines.say(f"{self._family.name}: run {self.run_id}, log {self.log}")

            def observe(report: NodeReport) -> None:
                if report.state != "running":
                    reports.append(report)
                if not self._quiet:
                    lines.show(report)

            # TFX takes ten seconds and more to import.
            with lines.busy("loading TFX"):
                from pipelines.local import NodeFailed, run_locally, sqlite_metadata

                pipeline = build(sqlite_metadata(self._home.metadata))
            try:
                run_locally(pipeline, self.run_id, observe)
            except NodeFailed as error:
                error.source = str(self.log)
                raise
        return reports
