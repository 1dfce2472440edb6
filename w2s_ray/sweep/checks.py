"""What a sweep file must not contradict: sizes, kinds, names of overrides, placement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from w2s_ray.core.registry import unknown
from w2s_ray.execution.placement import Placement
from w2s_ray.methods import parameters
from w2s_ray.models.resolve import ResolvedModel, medium_of
from w2s_ray.sweep.document import Document
from w2s_ray.sweep.nouns import ROLES, Sweep, SweepPair, SweepTask
from w2s_ray.sweep.schema import SweepFile
from w2s_ray.sweep.space import MethodSpace, Range, Space
from w2s_ray.tasks.base import Task

MAX_CELLS = 100_000
SHOT_TOKENS = 2  # of an example in a prompt, at the very least: one of its text and one of its answer


def check_kinds(document: Document, pairs: Sequence[SweepPair], tasks: Mapping[str, SweepTask]) -> None:
    """A method must fit every task that its pair spans."""
    met = {
        (one.name, one.kinds, alias): one
        for pair in pairs
        for one in pair.space.methods
        for alias in pair.tasks
    }
    for (name, kinds, alias), _ in met.items():
        if alias in tasks and tasks[alias].task.kind not in kinds:
            told = ", ".join(sorted(kinds)) or "none: the methods inside it have no kind in common"
            message = f"method {name!r} fits tasks of kind {told}; this one is {tasks[alias].task.kind}"
            document.problem(("tasks", alias), message)


def check_media(
    document: Document,
    pairs: Sequence[SweepPair],
    models: Mapping[str, ResolvedModel],
    tasks: Mapping[str, SweepTask],
) -> None:
    """A model must be able to look at the examples of every task that it meets, and to give its answers."""
    met: dict[str, dict[str, None]] = {}
    for pair in pairs:
        inner = sorted({name for method in pair.space.methods for name in method.models})
        for name in (pair.weak, pair.strong, *inner):
            met.setdefault(name, {}).update(dict.fromkeys(pair.tasks))
    for name, aliases in met.items():
        for alias in aliases:
            if name not in models or alias not in tasks:
                continue
            if message := _medium_problem(models[name], tasks[alias].task):
                document.problem(("models", name), f"{message} (task {alias!r})")
                break


def check_prompts(
    document: Document,
    pairs: Sequence[SweepPair],
    models: Mapping[str, ResolvedModel],
    tasks: Mapping[str, SweepTask],
) -> None:
    """What is asked must be a text, and a prompt's examples must have room in the context."""
    asked = [(pair, found) for pair in pairs for one in pair.space.methods for found in one.asking]
    for name, alias in dict.fromkeys((method.name, alias) for pair, method in asked for alias in pair.tasks):
        if alias in tasks and tasks[alias].task.medium != "text":
            medium = tasks[alias].task.medium
            message = f"method {name!r} asks a language model, and here the examples are {medium}s"
            document.problem(("tasks", alias), message)
    for name, num in dict.fromkeys((pair.strong, _most_shots(method)) for pair, method in asked):
        if name in models and num * SHOT_TOKENS > models[name].spec.context:
            message = f"{num} examples in a prompt exceed its context of {models[name].spec.context} tokens"
            document.problem(("models", name), message)


def _most_shots(method: MethodSpace) -> int:
    given = method.params.get("k")
    if given is None:
        return int(parameters(method.name)["k"].default) if "k" in parameters(method.name) else 0
    assert not isinstance(given, Space), "a number of examples is no method"
    return int(given.high if isinstance(given, Range) else max(given))


def _medium_problem(model: ResolvedModel, task: Task) -> str:
    sees, regime = medium_of(model.spec), model.spec.regime
    if sees and sees != task.medium:
        return f"looks at {sees}s, and here the examples are {task.medium}s"
    if task.medium == "image" and regime != "probe":
        return "images are probed: if this model looks at images, say `regime: probe`"
    if task.kind == "text" and regime != "finetune":
        return "a probe gives classes, and here the answers are texts"
    if task.medium == "image" and model.spec.adapt:
        return "adapt: a language model reads texts, and here the examples are images"
    return ""


def check_size(document: Document, file: SweepFile, pairs: Sequence[SweepPair]) -> None:
    """The cells are counted before any is made."""
    if file.search:
        points: float = file.search.trials * sum(len(pair.tasks) for pair in pairs)
    else:
        points = sum(pair.space.size * len(pair.tasks) for pair in pairs)
    cells = points * len(file.seeds)
    if cells > MAX_CELLS:
        where = ("search", "trials") if file.search else ("methods",)
        document.problem(where, f"{cells:,.0f} cells (arms × tasks × seeds); at most {MAX_CELLS:,}")


def check_search(document: Document, file: SweepFile, pairs: Sequence[SweepPair]) -> None:
    """A search needs a task to learn from; one study for all pairs needs one space."""
    if file.search is None:
        return
    if file.search.study == "all" and any(pair.space != pairs[0].space for pair in pairs):
        document.problem(("search", "study"), "`all` needs the same methods for every pair")
    if not any(task.role == "dev" for task in file.tasks.values()):
        document.problem(("tasks",), "a search needs a task with `role: dev` to learn from")


def check_aliases(document: Document, file: SweepFile) -> None:
    """Exceptions by name must name something."""
    sections = (
        ("train", "models", file.train.models, file.models),
        ("train", "tasks", file.train.tasks, file.tasks),
        ("resources", "models", file.resources.models, file.models),
    )
    for section, key, given, known in sections:
        for alias in given:
            if alias not in known:
                document.problem((section, key, alias), unknown(key[:-1], alias, known))


def check_contradictions(document: Document, file: SweepFile, sweep: Sweep) -> None:
    """Values that are each allowed, but not together."""
    if sweep.budget.dollars is not None and sweep.budget.dollars_per_gpu_hour is None:
        document.problem(("budget", "dollars"), "needs dollars_per_gpu_hour")
    if sweep.name == "store" and file.store is None:
        document.problem(("name",), "'store' is where the default store is; choose another name")
    for model in sweep.models:
        placement = sweep.resources.placement(model)
        where = ("resources", "models", model) if model in sweep.resources.models else ("resources",)
        for message in _placement_problems(placement):
            document.problem(where, message)
        for batch in {sweep.recipe(role, model, task).batch for role in ROLES for task in sweep.tasks}:
            if batch % placement.workers:
                document.problem(
                    (*where, "workers"), f"a batch of {batch} is not divisible by {placement.workers} workers"
                )


def _placement_problems(placement: Placement) -> Iterator[str]:
    if placement.launcher in ("here", "actor") and placement.workers > 1:
        yield f"launcher: {placement.launcher} has one worker; several need `train`"
    if placement.launcher in ("here", "actor") and placement.zero is not None:
        yield f"launcher: {placement.launcher} runs plain torch; zero: {placement.zero} needs `train`"
    if placement.offload and not placement.zero:
        yield "offload needs zero: 1, 2 or 3"
