"""MLflow, and nothing else of the project sees it: write what a sweep did, and query it back as tidy tables.

`names` has every tag, parameter and metric; `runs` the document; `publish` makes documents from records;
`write` brings them to the server; `query` reads them. Importing this package does not import MLflow.
"""

from w2s_ray.tracking.client import default_uri
from w2s_ray.tracking.publish import arm_run, cell_run, stage_run, sweep_run
from w2s_ray.tracking.query import Experiment
from w2s_ray.tracking.runs import Point, Run
from w2s_ray.tracking.write import Tracker

__all__ = [
    "Experiment",
    "Point",
    "Run",
    "Tracker",
    "arm_run",
    "cell_run",
    "default_uri",
    "stage_run",
    "sweep_run",
]
