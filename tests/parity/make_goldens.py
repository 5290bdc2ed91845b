"""Regenerates the golden files that the references give: all, or those of the parts named (random, tiny, smollm2)."""

import sys

import common
import random_reference
import smollm2
import tiny_goldens

PARTS = {"random": lambda: common.write_json(common.PARITY / "random.json", random_reference.vectors()),
         "tiny": tiny_goldens.make, "smollm2": smollm2.make}

common.check_blas()
for part in sys.argv[1:] or PARTS:
    PARTS[part]()
