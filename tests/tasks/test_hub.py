"""Pins are resolved once and kept beside the sweep; without the hub one message says what to do."""

import time
from types import SimpleNamespace

import pytest

from w2s_ray.cli.hub import Check, check_task, doctor, load_locked, lock_file, pin, read_lock
from w2s_ray.core.errors import ConfigError, EnvironmentFault
from w2s_ray.tasks import TASKS, hub

SWEEP = """
name: mixed
seeds: [0]
tasks: {{quail: {{}}, cosmos: {{task: cosmos_qa}}, sst2: {{}}}}
models:
  xs: {{source: tiny/xs, pretrained: false}}
  big: {{source: {model}}}
pairs: [{{weak: xs, strong: big}}]
methods: [naive]
"""
COMMITS = {"textmachinelab/quail": "1" * 40, "Samsoup/cosmos_qa": "2" * 38 + "e3", "mine/big": "4" * 40}


def write(file, model="mine/big"):
    file.write_text(SWEEP.format(model=model))
    return file


@pytest.fixture
def file(tmp_path):
    return write(tmp_path / "mixed.yaml")


@pytest.fixture
def asked(monkeypatch):
    """A hub that answers from COMMITS; the list of what it was asked."""
    import huggingface_hub

    found = []

    def info(self, name, *, revision, timeout):
        found.append((name, revision))
        return SimpleNamespace(sha=COMMITS[name])

    monkeypatch.setattr(hub, "reachable", lambda: True)
    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", info)
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", info)
    return found


def test_every_unpinned_task_and_model_is_resolved_at_its_branch(file, asked):
    found = pin(file)
    assert {entry.where: entry.revision for entry in found} == {
        "tasks.quail": "1" * 40, "tasks.cosmos": "2" * 38 + "e3", "models.big": "4" * 40}  # fmt: skip
    assert asked == [("textmachinelab/quail", "refs/convert/parquet"), ("Samsoup/cosmos_qa", "main"),
                     ("mine/big", "main")]  # fmt: skip
    assert read_lock(file) == found


def test_a_locked_sweep_is_pinned_and_has_the_digest_of_one_that_names_its_commits(file, asked):
    pin(file)
    locked = load_locked(file)
    assert locked.unpinned == ()
    assert locked.tasks["cosmos"].spec.source.revision == "2" * 38 + "e3"
    revisions = [f"tasks.quail.revision='{'1' * 40}'", f"tasks.cosmos.revision='{'2' * 38}e3'"]
    assert load_locked(file, [*revisions, f"models.big.revision='{'4' * 40}'"]).digest == locked.digest


def test_pins_are_kept_until_an_update_and_only_for_the_repository_they_were_made_for(
    file, asked, monkeypatch
):
    pin(file)
    monkeypatch.setitem(COMMITS, "mine/big", "5" * 40)
    assert pin(file)[-1].revision == "4" * 40 and len(asked) == 3
    assert pin(file, update=True)[-1].revision == "5" * 40
    monkeypatch.setitem(COMMITS, "mine/other", "6" * 40)
    write(file, model="mine/other")
    assert load_locked(file).unpinned == ("models.big",)
    assert pin(file)[-1].source == "mine/other"


def test_without_the_hub_one_message_says_what_is_unpinned_and_nothing_is_written(file, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    began = time.monotonic()
    with pytest.raises(
        EnvironmentFault, match=r"cannot pin tasks.quail, tasks.cosmos, models.big.*revision"
    ) as fault:
        pin(file)
    assert fault.value.exit_code == 3 and time.monotonic() - began < 10
    assert not lock_file(file).exists()


def test_a_repository_that_the_hub_refuses_is_named(file, asked, monkeypatch):
    monkeypatch.delitem(COMMITS, "Samsoup/cosmos_qa")
    with pytest.raises(EnvironmentFault, match=r"tasks.cosmos: cannot resolve 'Samsoup/cosmos_qa' at main"):
        pin(file)


@pytest.mark.parametrize("entry", ["{source: a/b}", "{source: a/b, revision: main}", "x"])
def test_a_damaged_lock_file_is_refused(file, entry):
    lock_file(file).write_text(f"tasks.quail: {entry}\n")
    with pytest.raises(ConfigError, match=r"mixed.lock.yaml: tasks.quail: expected a source"):
        load_locked(file)


def test_the_doctor_names_packages_and_without_the_hub_checks_no_dataset(monkeypatch):
    assert {"torch", "ray", "datasets"} <= {check.name for check in doctor(hub=False)}
    monkeypatch.setattr(hub, "reachable", lambda: False)
    with pytest.raises(EnvironmentFault, match="cannot check the datasets"):
        doctor(hub=True)
    assert Check(name="x", ok=False, detail="is not installed").line.startswith("FAILED  x ")


@pytest.mark.parametrize(("missing", "ok"), [(0, True), (1, False)])
def test_a_dataset_with_another_number_of_rows_fails_its_check(monkeypatch, missing, ok):
    import datasets

    sizes = {"train": 67_349, "validation": 872 - missing}
    monkeypatch.setattr(hub, "reachable", lambda: True)
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, split, **__: (
        {"sentence": f"a {n}", "label": n % 2} for n in range(sizes[split])))  # fmt: skip
    check = check_task(TASKS["sst2"])
    assert check.ok is ok and "stanfordnlp/sst2@8d51e7e4: train 67,349" in check.detail
    assert ("(expected 872)" in check.detail) is not ok


@pytest.mark.hub
@pytest.mark.parametrize("name", [name for name in TASKS if TASKS[name].source.kind == "hub"])
def test_the_hub_has_the_columns_labels_and_rows_that_a_task_declares(name):
    check = check_task(TASKS[name])
    assert check.ok, check.line
