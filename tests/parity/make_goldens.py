"""Regenerates the golden files that the references give: all of them, or the parts named."""

import sys

import common
import decoders_reference
import gemma_reference
import make_gguf_goldens
import make_quantize_goldens
import make_template_cases
import make_tokenizer_goldens
import random_reference
import smollm2
import tiny_goldens


def tokenizer():
    sys.argv[1:] = ["--smollm2", str(common.models_dir() / smollm2.FILE)]
    make_tokenizer_goldens.main()


PARTS = {"random": lambda: common.write_json(common.PARITY / "random.json", random_reference.vectors()),
         "tiny": tiny_goldens.make, "decoders": decoders_reference.make_all, "gemma": gemma_reference.main, "smollm2": smollm2.make,
         "tokenizer": tokenizer, "gguf": make_gguf_goldens.main, "quantize": make_quantize_goldens.main,
         "templates": make_template_cases.main}

common.check_blas()
for part in sys.argv[1:] or PARTS:
    del sys.argv[1:]  # the parts have arguments of their own
    PARTS[part]()
