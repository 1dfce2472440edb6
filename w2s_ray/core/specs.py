"""The nouns of a sweep, frozen. Everything here that a stage holds bears identity; `Resources` and `Layout`,
which say where and how work runs, stand apart at the end and never enter a digest.

A YAML alias (the user's name of a model or task) is not in a spec: `Arm` and `Cell` carry aliases for people.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Half = str  # "weak" or "transfer", and in a chain of students "fresh1", "fresh2", …
Regime = Literal["finetune", "probe", "lp-ft"]
SPLITS = ("weak", "transfer", "select", "tune", "test")


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where rows or weights come from, named by content.

    `hub`: `name` is the repository, `config` its configuration, `revision` a 40-hex commit, or None where
    nobody has pinned it. `files`: `digest` is the sha256 of the content; the path is not part of it.
    `world`: generated here by code, `name` and `version`. `package`: comes with, or is fetched and verified by,
    a Python package: `name` is `<package>/<name>`, `config` which of its releases.
    """

    kind: Literal["hub", "files", "world", "package"]
    name: str = field(default="", metadata={"neutral": ""})
    config: str = field(default="", metadata={"neutral": ""})
    revision: str | None = field(default=None, metadata={"neutral": None})
    digest: str = field(default="", metadata={"neutral": ""})
    version: int = field(default=0, metadata={"neutral": 0})

    @property
    def pinned(self) -> bool:
        return self.kind != "hub" or self.revision is not None

    @property
    def label(self) -> str:
        """A short name for people, from identity-bearing fields only."""
        return self.name.rsplit("/", 1)[-1] or f"files.{self.digest[:6]}"


@dataclass(frozen=True, kw_only=True)
class LoraSpec:
    """Low-rank adapters (Hu et al. 2021): rank, scale and the modules they are put on."""

    rank: int = 8
    alpha: float = 16.0
    targets: str = "all-linear"


@dataclass(frozen=True, kw_only=True)
class TextsSpec:
    """Texts of a corpus: the rows of `source`, each filled into the template `text`, or told by a task's own.

    `task` is the registered task whose `corpus` makes the texts, and `version` its version; else both are empty.
    """

    source: Source
    text: str = field(default="", metadata={"neutral": ""})
    task: str = field(default="", metadata={"neutral": ""})
    version: int = field(default=0, metadata={"neutral": 0})


@dataclass(frozen=True, kw_only=True)
class CorpusSpec:
    """What a rung of the offline ladder reads, byte by byte, in the place of the world, and for how many steps.

    Without texts it reads nothing: the control, which has random weights.
    """

    texts: tuple[TextsSpec, ...] = ()
    steps: int = 0


@dataclass(frozen=True, kw_only=True)
class AdaptSpec:
    """How a model first reads a task's texts, without labels: generative finetuning (Burns et al. 2023, 5.2.2)."""

    epochs: int = 1
    batch: int = 32
    lr: float = 1e-5


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """A backbone before finetuning.

    `family` names a file of `models/`; `config` overrides the checkpoint's own configuration, so a pretrained
    model with fewer layers is another model. `pretrained=False` is the control: same shape, random weights.
    `context` is the longest input in tokens. `pooling` "auto" takes the last real token of a decoder and
    the mean of an encoder. `regime` says what is trained: all of it (or its adapters), a linear head on its
    frozen features, or first such a head and then all from there (Kumar et al. 2022). `corpus` is that of a rung
    of the offline ladder whose tokens are bytes. `adapt` makes it a language model of the task's own texts first.
    """

    family: str
    source: Source
    config: Mapping[str, Any] = field(default_factory=dict)
    context: int = 1024
    pooling: Literal["auto", "last", "mean"] = "auto"
    pretrained: bool = field(default=True, metadata={"neutral": True})
    lora: LoraSpec | None = field(default=None, metadata={"neutral": None})
    regime: Regime = field(default="finetune", metadata={"neutral": "finetune"})
    corpus: CorpusSpec | None = field(default=None, metadata={"neutral": None})
    adapt: AdaptSpec | None = field(default=None, metadata={"neutral": None})

    @property
    def has_weights(self) -> bool:
        """Whether what is trained of it starts from weights that were learnt, not from random ones."""
        return self.pretrained or self.adapt is not None

    @property
    def backbone(self) -> ModelSpec:
        """The same model, whatever is trained of it: without regime and adapters."""
        return replace(self, regime="finetune", lora=None)

    @property
    def label(self) -> str:
        overrides = "".join(f"-{key.rsplit('_', 1)[-1]}{value}" for key, value in sorted(self.config.items()))
        scratch = "" if self.pretrained else "-scratch"
        corpus = "-corpus" if self.corpus else ""
        adapted = "-adapted" if self.adapt else ""
        return f"{self.source.label}{overrides}{corpus}{scratch}{adapted}"


@dataclass(frozen=True, kw_only=True)
class TaskSpec:
    """A dataset, its formatting and its split sizes.

    `half` rows at most in each of the two training halves, `validation` rows for its two parts (select and
    tune) together, `test` rows at most in the frozen test set; 0 means all there are. `definition` is the
    YAML mapping of a task that was described there, and empty for a registered task. `max_chars` leaves out
    examples with a longer text, its context not counted; 0 keeps all. `allow_leaks` names the
    checks of the lint, sorted, whose leaks do not stop the task.
    """

    name: str
    version: int
    source: Source
    half: int
    validation: int
    test: int
    definition: Mapping[str, Any] = field(default_factory=dict, metadata={"neutral": {}})
    allow_leaks: tuple[str, ...] = field(default=(), metadata={"neutral": ()})
    max_chars: int = field(default=0, metadata={"neutral": 0})


@dataclass(frozen=True, kw_only=True)
class PromptSpec:
    """How a language model is asked for a class.

    `form` has the place `{text}`; the model goes on after it. `words` are the words that mean each class,
    separated from the form by a space; their probabilities add up. `between` stands between two examples.
    """

    words: tuple[tuple[str, ...], ...]
    form: str = "{text}\nAnswer:"
    between: str = "\n\n"


@dataclass(frozen=True, kw_only=True)
class MethodSpec:
    """How the student learns from weak labels: a registered method and its parameters, all of them."""

    name: str
    version: int
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """`confidence(alpha=0.5,warmup=0.2)`; for people and for MLflow."""
        inner = ",".join(f"{key}={_told(value)}" for key, value in sorted(self.params.items()))
        return f"{self.name}({inner})" if inner else self.name


def _told(value: object) -> str:
    if isinstance(value, MethodSpec):
        return value.label
    if isinstance(value, tuple):
        return "+".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True, kw_only=True)
class TrainSpec:
    """The recipe: everything about an optimisation that causes its numbers.

    `batch` is the global batch in examples, `warmup` a fraction of all steps, `evals` the number of evenly
    spaced evaluations while training (the last one is at the end), `selection` which of them is kept.
    `precision` is what matrices are multiplied in; parameters and Adam's states are fp32 always.
    `head` initialises the classifier: from the unembedding rows of the label words where they exist, else
    small; `small` is normal with std .01; `zero` is zero. `predict_batch` is the number of rows of a
    prediction batch.
    """

    epochs: int = 2
    batch: int = 32
    lr: float = 1e-5
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup: float = 0.0
    clip: float = 1.0
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    drop_last: bool = False
    selection: Literal["last", "weak-val"] = "last"
    evals: int = 1
    precision: Literal["fp32", "bf16"] = "fp32"
    head: Literal["words", "small", "zero"] = "words"
    predict_batch: int = 64


@dataclass(frozen=True, kw_only=True)
class Arm:
    """A pair and a method; `weak` and `strong` are the sweep's own names of two models."""

    weak: str
    strong: str
    method: MethodSpec

    @property
    def label(self) -> str:
        return f"{self.weak} → {self.strong} · {self.method.label}"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """The smallest thing that has a PGR: an arm on one task with one seed."""

    arm: Arm
    task: str
    seed: int

    @property
    def label(self) -> str:
        return f"{self.arm.label} · {self.task} · seed {self.seed}"


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What a stage asks of a cluster. Not identity."""

    launcher: Literal["here", "actor", "train"] = "here"
    cpus: float = 1.0
    gpus: float = 0.0
    workers: int = 1


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a stage is computed on what it got. Not identity: results agree across layouts within tolerance.

    `micro_tokens` bounds padded tokens of one forward pass; `checkpoint_s` is the time between checkpoints,
    0 for none; `zero_stage` None means plain torch.
    """

    device: Literal["cpu", "cuda"] = "cpu"
    threads: int = 1
    world_size: int = 1
    zero_stage: int | None = None
    offload: bool = False
    micro_tokens: int = 16384
    gradient_checkpointing: bool = False
    checkpoint_s: float = 300.0
