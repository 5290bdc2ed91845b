"""What every reference shares: where goldens live, how they are written, and a check of the machine's BLAS."""

import json
import os
import pathlib

import numpy
import torch
from safetensors.numpy import load_file, save_file

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden"
PARITY = GOLDEN / "parity"
NOISE = 5e-5  # of float32 logits, from one CPU to another


def models_dir():
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(os.environ.get("PENT_HOME") or pathlib.Path(cache) / "pent") / "models"


def check_blas():
    """Some releases of OpenBLAS give wrong products on newer CPUs; a golden made there would be worthless."""
    generator = numpy.random.default_rng(1)
    for m, k, n in [(1, 576, 1536), (7, 576, 192), (64, 1536, 576)]:
        a, b = generator.standard_normal((m, k)), generator.standard_normal((n, k))
        exact = numpy.stack([(row[None, :] * b).sum(-1) for row in a])  # no BLAS in this line
        got = (torch.tensor(a, dtype=torch.float32) @ torch.tensor(b, dtype=torch.float32).T).numpy()
        error = numpy.abs(got - exact).max()
        if error > 1e-3:
            raise SystemExit(f"parity: this machine's BLAS is wrong ([{m},{k}]x[{k},{n}] is off by {error:.3g}); "
                             "try OPENBLAS_CORETYPE=Haswell")


def says_the_same(path, tensors):
    """Whether the file there differs by less than another CPU's rounding makes."""
    if not path.exists():
        return False
    there = load_file(path)
    return there.keys() == tensors.keys() and all(
        there[name].dtype == value.dtype and there[name].shape == value.shape and
        numpy.abs(there[name].astype(numpy.float64) - value).max(initial=0) <= (NOISE if value.dtype.kind == "f" else 0)
        for name, value in tensors.items())


def write_tensors(path, tensors):
    """Leaves a file alone that says the same, so that only what changed shows in a diff."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if says_the_same(path, tensors):
        print(f"{path.relative_to(GOLDEN)}: the same")
        return
    save_file({name: numpy.ascontiguousarray(value) for name, value in tensors.items()}, str(path))
    path.chmod(0o644)
    print(f"{path.relative_to(GOLDEN)}: {path.stat().st_size} bytes")


def write_json(path, value):
    """One list element or key per line at the top levels, flat lists on one line: small and still readable in a diff."""
    def render(item, indent):
        flat = json.dumps(item, ensure_ascii=False)
        if not isinstance(item, (dict, list)) or len(flat) + indent < 110 or not any(
                isinstance(x, (dict, list)) for x in (item.values() if isinstance(item, dict) else item)):
            return flat
        pad = " " * (indent + 1)
        if isinstance(item, dict):
            parts = [f"{pad}{json.dumps(k, ensure_ascii=False)}: {render(v, indent + 1)}" for k, v in item.items()]
            return "{\n" + ",\n".join(parts) + "\n" + " " * indent + "}"
        return "[\n" + ",\n".join(pad + render(v, indent + 1) for v in item) + "\n" + " " * indent + "]"

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(value, 0) + "\n", encoding="utf-8")
    print(f"{path.relative_to(GOLDEN)}: {path.stat().st_size} bytes")
