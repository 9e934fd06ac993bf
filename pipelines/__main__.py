"""`python -m pipelines` is `lodestar`."""

import sys

from pipelines.cli import main

sys.exit(main())
