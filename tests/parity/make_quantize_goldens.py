"""What the gguf package quantises floats to, for every type of which it has the reference's rule.
Writes tests/golden/gguf_quantized.safetensors: "values" (F32) and "TYPE.bytes" (U8). Run by hand when a type is added:
    python tests/parity/make_quantize_goldens.py      (needs gguf, numpy and safetensors of requirements.txt)
With a number of blocks and a file, many more for io_test to be shown as $PENT_GGUF_QUANTIZED:
    python tests/parity/make_quantize_goldens.py 10000 build/gguf_quantized.safetensors
"""

import pathlib
import sys

import gguf
import numpy
from safetensors.numpy import save_file

OUT = pathlib.Path(__file__).resolve().parent.parent / "golden" / "gguf_quantized.safetensors"
TYPES = ["F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"]


def odd_blocks():
    """What conversions get wrong: nothing but zeroes, one value, equal extremes of both signs, ties, one sign only."""
    ramp = numpy.arange(32, dtype=numpy.float32)
    return numpy.stack([numpy.zeros(32), numpy.full(32, 0.25), numpy.full(32, -3), ramp == 7, numpy.where(ramp == 31, -2.5, 0),
                        ramp - 15.5, 15.5 - ramp, numpy.where(ramp % 2, 1, -1), numpy.where(ramp % 2, -1, 1),
                        (ramp - 16) / 2, ramp * 0.5 + 0.25, -ramp - 1, numpy.round(ramp / 4) - 4, ramp * 127 / 31,
                        127 - 8 * ramp, (ramp - 8) * 60000 / 23, ramp * 1e-7]).astype(numpy.float32)


def main():
    count, out = (int(sys.argv[1]), pathlib.Path(sys.argv[2])) if len(sys.argv) > 2 else (64, OUT)
    generator = numpy.random.default_rng(20261128)
    scales = 10.0 ** generator.uniform(-5, 2, (count, 1))
    values = numpy.concatenate([odd_blocks(), generator.normal(0, scales, (count, 32)).astype(numpy.float32)])
    tensors = {"values": values.reshape(-1)}
    for name in TYPES:
        stored = gguf.quantize(values, gguf.GGMLQuantizationType[name])
        tensors[f"{name}.bytes"] = numpy.ascontiguousarray(stored).view(numpy.uint8).reshape(-1)
    save_file(tensors, str(out))
    out.chmod(0o644)
    print(f"{out.name}: {out.stat().st_size} bytes, {len(values)} blocks")


if __name__ == "__main__":
    main()
