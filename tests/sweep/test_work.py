"""A sweep as work: who shares what, counted exactly."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.sweep.small import write_sweep
from w2s_ray.core.specs import Resources
from w2s_ray.execution.orders import Order
from w2s_ray.stages.run import Errand
from w2s_ray.sweep.config import load_sweep
from w2s_ray.sweep.costs import stage_seconds
from w2s_ray.sweep.plan import make_plan, simulate
from w2s_ray.sweep.work import Work

QUICKSTART = Path("sweeps/quickstart.yaml")


def work(*overrides: str, file: Path = QUICKSTART) -> Work:
    return Work(load_sweep(file, overrides))


def test_unique_stages_equal_the_closed_form() -> None:
    kinds = Counter(stage.kind for stage in work("store=memory://closed-form").stages())
    tasks_times_seeds, supervisors, ceilings, students = 4 * 3, 1, 3, 7
    assert kinds["finetune"] == tasks_times_seeds * (supervisors + ceilings + students)
    assert kinds["split"] == tasks_times_seeds
    assert kinds["pretrain"] == 3  # once each, whatever the seeds


def test_arms_of_one_pair_share_their_supervisor_and_ceiling() -> None:
    cells = [cells[0].stages for cells in work().arms.values()]
    same_strong = cells[:3]
    assert (
        len({cell.weak.key for cell in same_strong}) == len({cell.ceiling.key for cell in same_strong}) == 1
    )
    assert len({cell.student.key for cell in same_strong}) == 3


def test_every_prefix_of_an_arm_spans_the_tasks_evenly() -> None:
    first = next(iter(work().arms.values()))
    assert [planned.cell.task for planned in first[:4]] == ["review", "agree", "pref", "board"]
    assert [planned.cell.seed for planned in first[:8]] == [0] * 4 + [1] * 4


def test_names_order_and_placement_change_no_stage() -> None:
    plain = {stage.key for stage in work().stages()}
    moved = {
        stage.key for stage in work("name=other", "resources.micro_tokens=512", "store=memory://x").stages()
    }
    assert plain == moved


def test_a_new_seed_adds_only_its_own_stages() -> None:
    before = {stage.key for stage in work("seeds=[0,1]").stages()}
    after = {stage.key for stage in work("seeds=[0,1,2]").stages()}
    assert before < after
    assert all(key.rsplit("-", 2)[1] == "s2" for key in after - before)


def test_the_makespan_is_that_of_list_scheduling() -> None:
    stages = [s for s in work().stages() if s.kind == "split"][:4]
    orders = [Order(errand=Errand(stage=s, store="x"), resources=Resources(), seconds=1.0) for s in stages]
    assert simulate(orders, 1) == 4.0
    assert simulate(orders, 2) == 2.0
    assert simulate([], 2) == 0.0


def test_a_gpu_is_faster_than_a_core_and_a_gang_pays_for_its_start() -> None:
    core, gpu = Resources(), Resources(gpus=1.0)
    gang = Resources(launcher="train", gpus=1.0, workers=4)
    assert stage_seconds("finetune", 1e15, gpu) < stage_seconds("finetune", 1e15, core)
    assert stage_seconds("finetune", 0.0, gang) > stage_seconds("finetune", 0.0, gpu)


def test_planning_imports_neither_ray_nor_torch_nor_anything_heavy(small: Path) -> None:
    code = (
        "import sys, json; from pathlib import Path; from w2s_ray.sweep.config import load_sweep;"
        "from w2s_ray.sweep.plan import make_plan; from w2s_ray.sweep.work import Work;"
        f"make_plan(Work(load_sweep(Path({str(small)!r}), [])));"
        "print(json.dumps([m for m in ('ray','torch','transformers','datasets','mlflow','optuna','pandas') "
        "if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_a_plan_counts_what_the_store_has(small: Path) -> None:
    plan = make_plan(work(file=small))
    assert len(plan.missing) == len(plan.stages) == 2 * (1 + 1 + 1 + 2)
    assert plan.to_json()["stages"] == {"unique": 10, "in_store": 0}


def test_a_makespan_respects_what_waits_for_what(small: Path) -> None:
    stages = work(file=small).stages()
    orders = [Order(errand=Errand(stage=s, store="x"), resources=Resources(), seconds=1.0) for s in stages]
    assert simulate(orders, 1) == len(orders)
    assert simulate(orders, len(orders)) == 3.0  # split, supervisor, student


def test_workers_elsewhere_are_told_a_local_store_by_its_absolute_path(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(small.parent)
    found = work("store=results/store", file=small)
    expected = str(small.parent.resolve() / "results" / "store")
    assert found.store == expected
    assert {order.errand.store for order in found.orders(found.stages())} == {expected}
    assert work("store=memory://x", file=small).store == "memory://x"


def test_an_assignment_holds_every_stage_of_its_arms_and_no_others() -> None:
    found = work()
    first = next(iter(found.arms))
    one, all_ = found.assignment([first]), found.assignment()
    assert list(one.cells) == [first] and len(all_.cells) == len(found.arms)
    keys = {order.errand.stage.key for order in one.orders}
    assert {
        stage.key for cell in one.cells[first] for stage in (cell.weak, cell.student, cell.ceiling)
    } <= keys
    assert len(one.orders) < len(all_.orders) == len(found.stages())


def test_typical_stages_ask_for_as_much_as_any_that_a_search_may_come_to(tmp_path: Path) -> None:
    file = write_sweep(tmp_path, alpha="{low: 0.0, high: 1.0}", more="search: {trials: 2}")
    found = work("resources.models={s: {cpus: 64}}", file=file)
    assert found.stages() == []
    assert max(order.resources.cpus for order in found.orders(found.typical())) == 64


@pytest.mark.parametrize(
    "file",
    [file for file in sorted(Path("sweeps").glob("*.yaml")) if file.stem != "full"],  # which has strategies
    ids=lambda file: file.stem,
)
def test_every_sweep_of_losses_that_is_shipped_counts_its_closed_form(file: Path, tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text(
        '{"PuzzleId": "a", "FEN": "k7/7R/8/8/8/8/8/K7 b - - 0 1", "Moves": "a8b8 h7h8"}'
    )
    local = ["tasks.chess_puzzles.path=" + str(tmp_path)] if file.stem == "chess-offline" else []
    shipped = work("store=memory://shipped", *local, file=file)
    sweep = shipped.sweep
    supervisors = len({pair.weak for pair in sweep.pairs})
    ceilings = len({pair.strong for pair in sweep.pairs})
    plan = make_plan(shipped)
    counts = Counter({kind: found["unique"] for kind, found in plan.counts().items()})
    assert counts["finetune"] + counts["probe"] == len(sweep.tasks) * len(sweep.seeds) * (
        supervisors + ceilings + len(sweep.arms)
    )
    assert counts["split"] == len(sweep.tasks) * len(sweep.seeds)
    assert not counts["probe"] or counts["features"] == counts["split"] * len(sweep.models)
    assert plan.makespan_s > 0


def test_the_nlp_study_has_the_papers_22_datasets_and_says_which_may_choose() -> None:
    tasks = load_sweep(Path("sweeps/nlp.yaml"), []).tasks
    roles = Counter(task.role for task in tasks.values())
    assert roles == {"dev": 8, "held-out": 14}


def test_reward_models_train_by_the_papers_preset() -> None:
    sweep = load_sweep(Path("sweeps/reward.yaml"), [])
    recipe = sweep.recipe("student", "pythia-1b", "hh_harmless")
    assert (recipe.batch, recipe.epochs) == (220, 1)


def test_the_chess_study_trains_by_the_papers_preset() -> None:
    sweep = load_sweep(Path("sweeps/chess.yaml"), [])
    recipe = sweep.recipe("student", "pythia-1b", "chess_puzzles")
    assert (recipe.batch, recipe.epochs, recipe.selection) == (32, 5, "last")
    assert {(task.spec.half, task.spec.test) for task in sweep.tasks.values()} == {(50_000, 5_000)}
