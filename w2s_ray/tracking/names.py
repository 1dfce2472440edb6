"""Every tag, parameter and metric name that this project writes into MLflow, in one place.

Tags carry the prefix `w2s.`; parameters and metrics have the plain words of DESIGN, so that a query reads as
`params.method = 'confidence' and metrics."pgr/test" > 0.3`. A change of meaning bumps `SCHEMA`.
"""

from __future__ import annotations

SCHEMA = "1"

PARENT = "mlflow.parentRunId"
NOTE = "mlflow.note.content"

# on every run
ID = "w2s.id"  # our own unique name of the run
KIND = "w2s.kind"  # sweep | arm | cell | stage
DIGEST = "w2s.digest"  # of the whole document: written last, so that its presence means "complete"
SCHEMA_TAG = "w2s.schema"
SWEEP = "w2s.sweep"

# sweep
COMPLETE = "w2s.complete"
CELLS = "w2s.cells"  # short ids of the planned cells, in canonical order
ARMS = "w2s.arms"  # short ids of the planned arms, in canonical order
FAILURES = "w2s.failures"  # JSON: stage key -> cause
VERSIONS = "w2s.versions"  # JSON
REPORT_DIGEST = "w2s.report_digest"
SECONDS = "seconds"
STAGE_COUNTS = ("unique", "reused", "run", "failed")

# arm and cell: tags and parameters of the same names without prefix
WEAK, STRONG, METHOD, TASK, SEED = "weak", "strong", "method", "task", "seed"
METHOD_PARAMS = "w2s.params"  # JSON of all the method's parameters
TASK_ROLE = "w2s.task_role"  # dev | held-out
ARM = "w2s.arm"
UNDEFINED = "w2s.undefined"  # + /test, /tune: why PGR is undefined
SICK = "w2s.sick"  # JSON list of sentences
PRETRAINED_HERE = "w2s.pretrained_here"
CONTROL = "w2s.control.strong"  # true where the student's model was not pretrained: no rung of the ladder
ROLES = ("weak", "student", "ceiling")
CHECKPOINT = "w2s.checkpoint.strong"  # equal for the same weights, whatever is trained of them
PROBED_KEY = "w2s.key.probed"  # of the finetune whose weights the student is a probe of, if it is one
SPLIT_KEY = "w2s.key.split"

# stage
KEY = "w2s.key"
IDENTITY = "w2s.identity"
STAGE_KIND = "w2s.stage_kind"
LAYOUT = "w2s.layout"  # JSON
PROVENANCE = "w2s.provenance"  # JSON
FACTS = "w2s.facts"  # JSON
REUSED = "w2s.reused"
CORRECT = "w2s.correct"  # base64 bitset of test correctness, frozen id order, first item in the top bit
CONFIDENCE = "w2s.confidence"  # JSON: how many test answers are `right` and `wrong`, by confidence
CURVE = (
    "w2s.curve"  # JSON list of [step, accuracy on select rows, on test rows], of what was seen twice at least
)
TEST_SET = "w2s.test_set"  # digest of the frozen test ids
NUM_TEST = "w2s.num_test"

# metrics of cells, each with a split
PGR, GAP, GAIN, GAP_SE = "pgr", "gap", "gain", "gap_se"
AGREEMENT = "agreement"
AGREEMENTS = ("all", "weak_right", "weak_wrong")
# metrics of cells on test rows alone
CORRECTIONS = ("correction", "retention")
CALIBRATIONS = ("ece", "adaptive_ece", "brier")  # of each role
MISFIT = "misfit"  # and `GAIN`, by divergence
STOP = "stop"  # test accuracy of the student by stopping rule
EVALUATED = ("test", "tune")
MEASURES = ("accuracy", "auroc")


def key_tag(role: str) -> str:
    """Tag of a cell: the stage key of one of its roles."""
    return f"w2s.key.{role}"


def size_tag(role: str) -> str:
    """Tag of a cell: number of parameters of a role's model."""
    return f"w2s.num_parameters.{role}"


def compute_tag(role: str) -> str:
    """Tag of a cell: FLOPs of the pretraining of a role's model, where they are known."""
    return f"w2s.pretraining_flops.{role}"


def tag(word: str) -> str:
    """Tag of an alias such as weak, strong, method, task, seed."""
    return f"w2s.{word}"


def metric(name: str, *parts: str) -> str:
    """`accuracy/weak/test`, `pgr/test`, `agreement/weak_wrong/test`."""
    return "/".join((name, *parts))


def param(name: str) -> str:
    """Parameter of an arm or cell: a parameter of its method."""
    return f"method.{name}"


def truth_path(test_set: str) -> str:
    """Artifact of the sweep's run: labels and groups of one frozen test set."""
    return f"truth/{test_set}.json"
