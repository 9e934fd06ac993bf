"""A TFJob from the template in the environment and one training's request."""

from __future__ import annotations

VARIABLE = "LODESTAR_TFJOB"
