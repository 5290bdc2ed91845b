"""The cases: what is measured on which weights, and the ratios that issue 5 asks for."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A ratio: pent's figure over the peer's, both tokens per second."""
    label: str
    pent: str
    peer: str
    at_least: float | None = None
    goal: float | None = None


@dataclass(frozen=True)
class Case:
    name: str
    weights: str
    rows: list[Row]  # the first one's peer figure decides which rounds count
    measure: Callable  # of an engine, the file and how often it repeats: figures by name
    repeats: int = 5
    peer: str = "llama.cpp"


def forward(rows):
    return lambda engine, file, repeats: engine.forward(file, rows, repeats)


def decode(streams):
    return lambda engine, file, repeats: engine.decode(file, streams, repeats)


def denoise(engine, file, repeats):
    return engine.denoise(file, repeats)


CASES = [
    Case("forward-q8_0", "q8_0", [Row("forward of 512 rows, Q8_0", "forward", "forward", 3.3, 4.2)], forward(512)),
    Case("forward-q4_1", "q4_1", [Row("forward of 512 rows, Q4_1", "forward", "forward", 5, 8)], forward(512)),
    Case("forward-q4_0", "q4_0", [Row("forward of 512 rows, Q4_0", "forward", "forward", 2.2, 3)], forward(512)),
    Case("decode-q8_0", "q8_0", [Row("decode, 1 stream, Q8_0", "decode", "decode", 1.6, 1.85)], decode(1)),
    Case("decode-q4_1", "q4_1", [Row("decode, 1 stream, Q4_1", "decode", "decode", 1.9, 2.3)], decode(1)),
    Case("streams-q8_0", "q8_0", [Row("decode, 32 streams, Q8_0", "decode", "decode", 3.5, 6)], decode(32), repeats=3),
    Case("denoise-q8_0", "q8_0-llada",
         [Row("canvas 256, 64 steps, no cache", "none", "end_to_end", 3.5, 5),
          Row("the same, the peer's sampling not counted", "none", "forwards_alone"),
          Row("the same, dual cache (approximate)", "dual", "end_to_end", 11, 17)], denoise, repeats=1),
    Case("forward-8b", "8b-q4_0", [Row("forward of 256 rows, 8B, Q4_0", "forward", "forward", 1.4, 1.8)], forward(256),
         repeats=1),
    Case("transformers", "q4_1", [Row("decode, 32 streams, Q4_1 : bf16", "decode", "decode")], decode(32), repeats=1,
         peer="transformers"),
]
