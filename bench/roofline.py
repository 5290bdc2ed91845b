"""Draws what `pent bench kernels --json` measured under this machine's roof: script/roofline.

Across: operations for each byte of weights (2 * rows / bytes per weight). Up: operations a second. Left of the roof's corner
memory decides, right of it the integer units.
"""

import json
import math
import pathlib
import sys

# As kernels/pack.h lays weights out: values, and float16 scales (and minima) for each group of 32.
BYTES_PER_WEIGHT = {"q8": 1 + 2 / 32, "q4_0": 0.5 + 2 / 32, "q4_1": 0.5 + 4 / 32}
COLOURS = {"q8": "#2b6cb0", "q4_0": "#c05621", "q4_1": "#2f855a"}
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 760, 470, 70, 46, 20, 56
X_RANGE, Y_RANGE = (1, 4096), (8, 4096)


def across(x):
    share = math.log(x / X_RANGE[0]) / math.log(X_RANGE[1] / X_RANGE[0])
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def up(y):
    share = math.log(y / Y_RANGE[0]) / math.log(Y_RANGE[1] / Y_RANGE[0])
    return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)


def text(x, y, words, anchor="start", **attributes):
    more = "".join(f' {key.replace("_", "-")}="{value}"' for key, value in attributes.items())
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{words}</text>'


def grid():
    for power in range(0, 13, 2):
        x = across(2**power)
        yield f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#e2e8f0"/>'
        yield text(x, HEIGHT - BOTTOM + 18, 2**power, "middle")
    for power in range(3, 13):
        y = up(2**power)
        yield f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#e2e8f0"/>'
        yield text(LEFT - 8, y + 4, 2**power, "end")
    yield text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, "operations for each byte of weights", "middle")
    yield text(0, 0, "Gop/s", "middle", transform=f"translate(18 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)")


def roof(limits):
    peak, memory = limits["int8_gops"], limits["read_gb_per_s"]
    corner = peak / memory
    start = max(X_RANGE[0], Y_RANGE[0] / memory)
    yield (f'<path d="M{across(start):.1f} {up(start * memory):.1f}L{across(corner):.1f} {up(peak):.1f}'
           f'H{WIDTH - RIGHT}" fill="none" stroke="#1a202c" stroke-width="2"/>')
    yield text(WIDTH - RIGHT - 4, up(peak) - 8, f"int8 {peak:.0f} Gop/s", "end")
    yield text(across(corner * 0.35), up(peak * 0.35) - 26, f"memory {memory:.1f} GB/s", "end")


def marks(document, weights):
    for point in document["kernels"]:
        ops = 2 * point["rows"] * point["n"] * point["k"]
        x, y = 2 * point["rows"] / BYTES_PER_WEIGHT[weights], ops / point["seconds"] / 1e9
        what = f'{point["model"]} {point["n"]} x {point["k"]}, {point["rows"]} rows, {weights}: {y:.0f} Gop/s'
        yield (f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="4" fill="{COLOURS[weights]}" fill-opacity="0.55">'
               f"<title>{what}</title></circle>")


def picture(documents):
    """documents: weights -> what `pent bench kernels --weights WEIGHTS --json` printed, parsed."""
    limits = next(iter(documents.values()))["limits"]
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
             f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
             text(LEFT, 26, f'Products of SmolLM2-135M, Qwen2.5-0.5B and LLaDA-8B, 1 to 512 rows, '
                            f'{limits["threads"]} threads, {limits["kernels"]}', font_size=14),
             *grid(), *roof(limits)]
    for i, (weights, document) in enumerate(documents.items()):
        parts += marks(document, weights)
        parts.append(f'<circle cx="{LEFT + 20}" cy="{TOP + 20 + 18 * i}" r="4" fill="{COLOURS[weights]}"/>')
        parts.append(text(LEFT + 30, TOP + 24 + 18 * i, weights))
    return "\n".join(parts + ["</svg>"]) + "\n"


def main():
    if len(sys.argv) < 3 or any("=" not in given for given in sys.argv[2:]):
        raise SystemExit("usage: roofline.py OUT.svg WEIGHTS=FILE.json …")
    documents = {}
    for given in sys.argv[2:]:
        weights, file = given.split("=", 1)
        if weights not in BYTES_PER_WEIGHT:
            raise SystemExit(f"roofline: no weights '{weights}'; there are: {', '.join(BYTES_PER_WEIGHT)}")
        documents[weights] = json.loads(pathlib.Path(file).read_text())
    pathlib.Path(sys.argv[1]).write_text(picture(documents))


if __name__ == "__main__":
    main()
