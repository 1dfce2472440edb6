"""What preparing a task of 20,000 rows costs: rows to examples, lint, commit and tokens; then the same again.

    python -m bench.prepare [ROWS]

Each shape of task runs in a process of its own, whose seconds and peak memory are printed beside their budgets
(20 s and 1 GB on two cores). The second time its record is there and is read. Tokens are byte-pair tokens, of a
vocabulary that is learned from the rows before the clock starts; a context is cut to 512.
"""

from __future__ import annotations

import json
import logging
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from w2s_ray.core.graph import Stage, split_stage
from w2s_ray.core.specs import TaskSpec
from w2s_ray.models.encode import encode
from w2s_ray.stages.run import Errand, run_stage
from w2s_ray.store import Store
from w2s_ray.tasks.examples import Examples, read_examples
from w2s_ray.tasks.files import source_of_files

ROWS, BUDGET_S, BUDGET_GB = 20_000, 20.0, 1.0
VOCABULARY, MAX_TOKENS = 8_000, 512
# Shape → the words of each of its columns, and how a row becomes an example.
SHAPES: dict[str, tuple[dict[str, int], dict[str, Any]]] = {
    "sentences": ({"text": 25}, {"text": "{text}", "label": "y"}),
    "passages": ({"passage": 130, "question": 12},
                 {"context": "{passage}\n", "text": "{question}", "label": "y", "group": "passage"}),
    "pairs": ({"prompt": 60, "one": 90, "other": 90},
              {"kind": "pairwise", "context": "{prompt}\n", "texts": ["{one}", "{other}"], "label": "y"}),
}  # fmt: skip


def main(num: int) -> None:
    print(f"{num:,} rows; budget {BUDGET_S:.0f} s and {BUDGET_GB:.1f} GB")
    for shape in SHAPES:
        with tempfile.TemporaryDirectory() as folder:
            write_rows(Path(folder) / "rows.jsonl", shape, num)
            for again in ("", "again"):
                words = [sys.executable, "-m", "bench.prepare", folder, shape]
                found = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
                gb, cpu = found.pop("gb"), found.pop("cpu")
                parts = ", ".join(f"{name} {seconds:.1f}" for name, seconds in found.items())
                told = f"{sum(found.values()):5.1f} s ({parts}; processor {cpu:.1f})  {gb:.2f} GB"
                print(f"{shape:10} {again:6} {told}", flush=True)


def write_rows(file: Path, shape: str, num: int) -> None:
    """Random rows of a Zipf-like language; a column is as long as its shape says, give or take a half."""
    rng, columns = random.Random(0), SHAPES[shape][0]
    words = ["".join(rng.choices("etaoinshrdlucmfwygp", k=rng.randint(2, 9))) for _ in range(20_000)]
    weights = [1 / place for place in range(1, len(words) + 1)]

    def text(mean: int) -> str:
        return " ".join(rng.choices(words, weights, k=rng.randint(mean // 2, mean * 3 // 2)))

    rows = (
        {name: text(mean) for name, mean in columns.items()} | {"y": rng.randrange(2)} for _ in range(num)
    )
    with file.open("w", encoding="utf-8") as lines:
        lines.writelines(f"{json.dumps(row)}\n" for row in rows)


def measure(folder: Path, shape: str) -> dict[str, float]:
    """Seconds of each part in this process, and its peak memory in GB."""
    file = folder / "rows.jsonl"
    tokenizer = tokenizer_of(file, folder / "tokenizer.json")
    clock = Clock()
    source = source_of_files(file)
    spec = TaskSpec(name="described", version=1, source=source, half=len(file.read_bytes().splitlines()),
                    validation=0, test=2_000, definition=SHAPES[shape][1])  # fmt: skip
    stage, store = split_stage(spec, 0), Store(folder / "store")
    if store.find(stage.key) is None:
        run_stage(Errand(stage=stage, store=str(folder / "store"), places={source.digest: str(file)}))
    clock.lap("split and lint")
    examples = opened(store, stage)
    clock.lap("read")
    tokens_of(tokenizer, examples)
    clock.lap("tokens")
    return {
        **clock.laps,
        "cpu": clock.cpu_s,
        "gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def opened(store: Store, stage: Stage) -> Examples:
    record = store.find(stage.key)
    assert record is not None
    return read_examples(store.open(record))


def tokens_of(tokenizer: Any, examples: Examples) -> None:
    contexts = [context for row in examples.contexts for context in row]
    texts = [text for row in examples.texts for text in row]
    encode(tokenizer, contexts, texts, max_tokens=MAX_TOKENS)


def tokenizer_of(file: Path, saved: Path) -> Any:
    """Byte-pair tokens learned from the rows, once."""
    from tokenizers import ByteLevelBPETokenizer, Tokenizer
    from transformers import PreTrainedTokenizerFast

    if not saved.exists():
        learned = ByteLevelBPETokenizer()
        learned.train_from_iterator(texts_in(file), vocab_size=VOCABULARY, show_progress=False)
        learned.save(str(saved))
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_file(str(saved)))


def texts_in(file: Path) -> Iterator[str]:
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            yield from (value for value in json.loads(line).values() if isinstance(value, str))


class Clock:
    """Seconds between laps."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last, self._began = time.perf_counter(), time.process_time()

    @property
    def cpu_s(self) -> float:
        """Processor seconds of all threads since the start: what a busy machine does not change."""
        return time.process_time() - self._began

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name], self._last = now - self._last, now


if __name__ == "__main__":
    logging.disable()
    if len(sys.argv) == 3:
        print(json.dumps(measure(Path(sys.argv[1]), sys.argv[2])))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
