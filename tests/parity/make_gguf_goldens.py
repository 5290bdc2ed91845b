"""Random blocks of every GGUF element type that pent reads, and what the gguf package dequantises them to.
Writes tests/golden/gguf_blocks.safetensors: "TYPE.bytes" (U8) and "TYPE.values" (F32). Run by hand when a type is added:
    python tests/parity/make_gguf_goldens.py      (needs gguf, numpy and safetensors of requirements.txt)
"""

import pathlib

import gguf
import numpy
from safetensors.numpy import save_file

OUT = pathlib.Path(__file__).resolve().parent.parent / "golden" / "gguf_blocks.safetensors"
BLOCKS = 60  # of 32 elements
TYPES = ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1"]
# Scales that conversions get wrong: zeroes of both signs, the smallest and largest subnormal, the smallest and
# largest normal, infinities, NaN.
ODD_F16 = numpy.array([0x0000, 0x8000, 0x0001, 0x83FF, 0x0400, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00, 0x7E00], dtype=numpy.uint16)


def main():
    generator = numpy.random.default_rng(20261123)
    tensors = {}
    for name in TYPES:
        kind = gguf.GGMLQuantizationType[name]
        per_block, size = gguf.GGML_QUANT_SIZES[kind]
        blocks = generator.integers(0, 256, (BLOCKS * 32 // per_block, size), dtype=numpy.uint8)
        scales = {"Q8_0": 1, "Q4_0": 1, "Q4_1": 2}.get(name, 0)
        for column in range(scales):
            ordinary = generator.normal(0, 0.1, len(blocks)).astype(numpy.float16).view(numpy.uint16)
            ordinary[column * 20:column * 20 + len(ODD_F16)] = ODD_F16
            blocks[:, 2 * column:2 * column + 2] = ordinary[:, None].view(numpy.uint8)
        if name == "F16":
            blocks[:len(ODD_F16)] = ODD_F16[:, None].view(numpy.uint8)
        with numpy.errstate(all="ignore"):
            values = gguf.dequantize(blocks.reshape(-1), kind) if scales == 0 else gguf.dequantize(blocks, kind)
        tensors[f"{name}.bytes"] = blocks.reshape(-1)
        tensors[f"{name}.values"] = numpy.ascontiguousarray(values, dtype=numpy.float32).reshape(-1)
        assert tensors[f"{name}.values"].size == BLOCKS * 32
    save_file(tensors, str(OUT))
    OUT.chmod(0o644)
    print(f"{OUT.name}: {OUT.stat().st_size} bytes, gguf and numpy {numpy.__version__}")


if __name__ == "__main__":
    main()
