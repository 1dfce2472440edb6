"""A sweep small enough for tests: rungs of the offline ladder without pretraining, a few rows, real stages."""

from __future__ import annotations

from pathlib import Path

SMALL = """
name: small
seeds: {seeds}
tasks:
  review: {{half: 64, validation: 40, test: 60}}
  agree: {{half: 64, validation: 40, test: 60, role: held-out}}
models:
  xs: {{source: tiny/xs, pretrained: false, lr: 3e-3}}
  s: {{source: tiny/s, pretrained: false, lr: 3e-3}}
pairs: [{{weak: xs, strong: s}}]
methods: [naive, {{confidence: {{alpha: {alpha}}}}}]
train: {{epochs: 1, head: small}}
resources: {{launcher: {launcher}, max_concurrent: 2}}
{more}
"""


def write_sweep(
    folder: Path, *, launcher: str = "here", seeds: str = "[0]", alpha: str = "[0.5]", more: str = ""
) -> Path:
    """The small sweep's file in `folder`, with its store beside it."""
    file = folder / "small.yaml"
    text = SMALL.format(launcher=launcher, seeds=seeds, alpha=alpha, more=more)
    file.write_text(f"{text}\nstore: {folder / 'store'}\n")
    return file
