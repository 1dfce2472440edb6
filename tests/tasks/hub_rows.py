"""Hand-made rows in the columns that the hub has, for tasks whose real rows are not at hand."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from PIL import Image

Rows = list[dict[str, Any]]
NUM = 240


def dream(n: int) -> dict[str, Any]:
    choice = [f"on Monday {n}", f"on Tuesday {n}", f"never {n}"]
    return {
        "id": n,
        "dialogue_id": f"5-{n // 2}",
        "dialogue": [f"M: When shall we meet, {n // 2}?", "W: Soon."],
        "question": f"When do they meet, {n}?",
        "choice": choice,
        "answer": choice[n % 3],
    }


def ethics_virtue(n: int) -> dict[str, Any]:
    trait = ("brave", "cowardly", "honest", "humble", "rude")[n % 5]
    return {"label": int(n % 5 == 0), "scenario": f"Jo {n // 5} went in first. [SEP] {trait}"}


def anli_r2(n: int) -> dict[str, Any]:
    return {"uid": str(n), "premise": f"Town {n // 3} has a bridge.", "hypothesis": f"Fact {n}.", "reason": "",
            "label": n % 3}  # fmt: skip


def quail(n: int) -> dict[str, Any]:
    answers = [f"one {n}", f"two {n}", f"three {n}", "not enough information"]
    return {"id": str(n), "context_id": f"f{n // 3}", "context": f"Story {n // 3}.", "question": f"Why {n}?",
            "question_type": "Causality", "answers": answers, "correct_answer_id": n % 4}  # fmt: skip


def quartz(n: int) -> dict[str, Any]:
    choices = {"text": [f"more {n}", f"less {n}"], "label": ["A", "B"]}
    return {"id": str(n), "question": f"Is it more or less, {n}?", "choices": choices, "answerKey": "AB"[n % 2],
            "para": f"More is not less {n // 2}.", "para_id": f"QRSent-{n // 2}"}  # fmt: skip


def multirc(n: int) -> dict[str, Any]:
    return {"paragraph": f"Tale {n // 8}.", "question": f"Who {n // 4}?", "answer": f"Person {n}",
            "idx": {"paragraph": n // 8, "question": n // 4, "answer": n}, "label": n % 4 % 2}  # fmt: skip


def twitter_sentiment(n: int) -> dict[str, Any]:
    return {"text": f"tweet {n}", "label": n % 3}


def amazon_polarity(n: int) -> dict[str, Any]:
    return {"label": n % 2, "title": f"Title {n}" if n % 3 else "", "content": f"It works, {n}."}


def hh_helpful(n: int) -> dict[str, Any]:
    prompt = f"\n\nHuman: How {n}?\n\nAssistant: Thus.\n\nHuman: And then {n}?\n\nAssistant:"
    return {"chosen": f"{prompt} Do this {n}.", "rejected": f"{prompt} Do that {n}."}


def summarize_comparisons(n: int) -> dict[str, Any]:
    info = {"id": f"t3_{n // 2}", "post": f"Long story {n // 2}.", "title": "Help", "subreddit": "advice",
            "site": None, "article": None}  # fmt: skip
    return {"info": info, "summaries": [{"text": f" Short {n}.", "policy": "ref", "note": ""},
                                        {"text": f" Wrong {n}.", "policy": "sup", "note": ""}],
            "choice": n % 2, "worker": "w", "batch": "b", "split": "train", "extra": {"confidence": None}}  # fmt: skip


def ultrafeedback(n: int) -> dict[str, Any]:
    chosen, rejected = ([{"role": "user", "content": f"Say {n}"}, {"role": "assistant", "content": answer}]
                        for answer in (f"Well said {n}", f"No {n}"))  # fmt: skip
    return {"prompt": f"Say {n}", "prompt_id": str(n), "chosen": chosen, "rejected": rejected, "messages": chosen,
            "score_chosen": 8.0, "score_rejected": 4.0}  # fmt: skip


def chess_pgn(n: int) -> dict[str, Any]:
    """Every pawn goes one square or two, as the bits of n say; then a knight, and the answer is a king's move."""
    squares = [
        f"{file}{(rank, rank + step)[n >> bit & 1]}"
        for bit, (file, rank, step) in enumerate((f, r, s) for f in "abcdefgh" for r, s in ((3, 1), (6, -1)))
    ]
    moves = [*squares, ("Nd2", "Ne2")[n >> 16 & 1]]
    numbers = [f"{ply // 2 + 1}{'...' if ply % 2 else '.'}" for ply in range(len(moves) + 1)]
    words = [word for pair in zip(numbers, moves, strict=False) for word in pair]
    return {"id": f"p{n}", "ctx": " ".join([*words, numbers[-1]]), "target": (" Kf7", " Kd7")[n % 2]}


def png(n: int) -> dict[str, Any]:
    """A picture of one pixel as Parquet has it, another one for each of 16 million numbers."""
    file = BytesIO()
    Image.new("RGB", (1, 1), (n % 256, n // 256 % 256, n // 65536 % 256)).save(file, "PNG")
    return {"bytes": file.getvalue(), "path": None}


def cifar10(n: int) -> dict[str, Any]:
    return {"img": png(n), "label": n % 10}


def cifar100(n: int) -> dict[str, Any]:
    return {"img": png(n), "fine_label": n % 100, "coarse_label": n % 20}


def mnist(n: int) -> dict[str, Any]:
    return {"image": png(n), "label": n % 10}


def imagenet(n: int) -> dict[str, Any]:
    return {"image": png(n), "label": n % 1000}


MAKERS = {
    maker.__name__: maker
    for maker in (dream, ethics_virtue, anli_r2, quail, quartz, multirc, twitter_sentiment, amazon_polarity,
                  hh_helpful, summarize_comparisons, ultrafeedback, chess_pgn, cifar10, cifar100, mnist,
                  imagenet)
}  # fmt: skip


def rows_of(name: str, split: str, num: int = 0) -> Rows:
    """Rows of a task's split; those of two splits have nothing in common."""
    num = num or (2000 if name == "imagenet" else NUM)
    start = 0 if split == "train" else 100_000
    rows = [MAKERS[name](start + n) for n in range(num)]
    if name == "summarize_comparisons" and split == "test":
        rows = [{**row, "split": "valid2"} for row in rows]
    return rows
