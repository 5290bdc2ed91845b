"""Random blocks of every GGUF element type that pent reads, and what the gguf package dequantises them to.
Writes tests/golden/gguf_blocks.safetensors: "TYPE.bytes" (U8) and "TYPE.values" (F32). Run by hand when a type is added:
    python tests/parity/make_gguf_goldens.py      (needs gguf, numpy and safetensors of requirements.txt)
With a number of blocks and a file, many more for io_test to be shown as $PENT_GGUF_BLOCKS:
    python tests/parity/make_gguf_goldens.py 10002 build/gguf_blocks.safetensors
"""

import pathlib
import sys

import gguf
import numpy
from safetensors.numpy import save_file

OUT = pathlib.Path(__file__).resolve().parent.parent / "golden" / "gguf_blocks.safetensors"
BLOCKS = {1: 1920, 32: 60, 256: 24}  # by their elements
# Where a block has float16 numbers.
SCALES = {"F32": [], "F16": [], "BF16": [], "Q8_0": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2],
          "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0], "IQ4_XS": [0]}
# Scales that conversions get wrong: zeroes of both signs, the smallest and largest subnormal, the smallest and
# largest normal, infinities, NaN.
ODD_F16 = numpy.array([0x0000, 0x8000, 0x0001, 0x83FF, 0x0400, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00, 0x7E00], dtype=numpy.uint16)


def main():
    count, out = (int(sys.argv[1]), pathlib.Path(sys.argv[2])) if len(sys.argv) > 2 else (None, OUT)
    if count is not None and count % 3:
        raise SystemExit("the test reads three rows: give a number of blocks that is a multiple of 3")
    generator = numpy.random.default_rng(20261123)
    tensors = {}
    for name, scales in SCALES.items():
        kind = gguf.GGMLQuantizationType[name]
        per_block, size = gguf.GGML_QUANT_SIZES[kind]
        blocks = generator.integers(0, 256, (count or BLOCKS[per_block], size), dtype=numpy.uint8)
        for number, column in enumerate(scales):
            ordinary = generator.normal(0, 0.1, len(blocks)).astype(numpy.float16).view(numpy.uint16)
            ordinary[number * 12:number * 12 + len(ODD_F16)] = ODD_F16
            blocks[:, column:column + 2] = ordinary[:, None].view(numpy.uint8)
        if name == "F16":
            blocks[:len(ODD_F16)] = ODD_F16[:, None].view(numpy.uint8)
        with numpy.errstate(all="ignore"):
            values = gguf.dequantize(blocks.reshape(-1), kind) if not scales else gguf.dequantize(blocks, kind)
        tensors[f"{name}.bytes"] = blocks.reshape(-1)
        tensors[f"{name}.values"] = numpy.ascontiguousarray(values, dtype=numpy.float32).reshape(-1)
        assert tensors[f"{name}.values"].size == len(blocks) * per_block
    save_file(tensors, str(out))
    out.chmod(0o644)
    print(f"{out.name}: {out.stat().st_size} bytes, gguf and numpy {numpy.__version__}")


if __name__ == "__main__":
    main()
