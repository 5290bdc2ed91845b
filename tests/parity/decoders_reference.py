"""Every preset's decisions, written in NumPy from the papers (Dream, EB sampler, LLaDA2, LLaDA2.1, MDLM, ReMDM, P2, Fast-dLLM's
factor) with this project's decisions: the mask token is banned, ties go to the lower cell, thresholds are strict, confidence is that
of the untempered distribution. Random numbers: docs/random.md. `python decoders_reference.py` rewrites the golden files; it needs NumPy
alone, for the network of the tiny checkpoints is here too."""

import json
import math
import pathlib

import numpy

import random_reference as rng

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden"
SAFE = 2e-4  # least distance to another decision of a kept golden; f32 noise on these nets is near 1e-5


def read_safetensors(path):
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    out = {}
    for name, info in json.loads(data[8:8 + size]).items():
        if name == "__metadata__":
            continue
        raw = data[8 + size + info["data_offsets"][0]:8 + size + info["data_offsets"][1]]
        if info["dtype"] == "BF16":
            value = (numpy.frombuffer(raw, numpy.uint16).astype(numpy.uint32) << 16).view(numpy.float32)
        else:
            value = numpy.frombuffer(raw, {"F32": numpy.float32, "F16": numpy.float16}[info["dtype"]])
        out[name] = value.astype(numpy.float64).reshape(info["shape"])
    return out


class Net:
    """LLaDA (arXiv:2502.09992): pre-norm, RMSNorm, RoPE in half form, grouped queries, SwiGLU, full attention; float64."""

    def __init__(self, directory):
        self.c = json.loads((directory / "config.json").read_text())
        self.w = read_safetensors(directory / "model.safetensors")

    def norm(self, x, name):
        return x / numpy.sqrt((x * x).mean(-1, keepdims=True) + self.c["rms_norm_eps"]) * self.weight(name)

    def weight(self, name):
        return self.w["model.transformer." + name + ".weight"]

    def turn(self, x):
        half = x.shape[-1] // 2
        angle = numpy.arange(x.shape[1])[:, None] * self.c["rope_theta"] ** (-numpy.arange(half) / half)
        a, b = x[..., :half], x[..., half:]
        return numpy.concatenate([a * numpy.cos(angle) - b * numpy.sin(angle),
                                  b * numpy.cos(angle) + a * numpy.sin(angle)], -1)

    def __call__(self, tokens):
        heads, groups, n = self.c["n_heads"], self.c["n_kv_heads"], len(tokens)
        size = self.c["d_model"] // heads
        x = self.weight("wte")[tokens]
        for layer in range(self.c["n_layers"]):
            at = f"blocks.{layer}."
            h = self.norm(x, at + "attn_norm")
            q, k, v = (numpy.swapaxes((h @ self.weight(at + p).T).reshape(n, count, size), 0, 1)
                       for p, count in (("q_proj", heads), ("k_proj", groups), ("v_proj", groups)))
            k, v = (numpy.repeat(t, heads // groups, 0) for t in (self.turn(k), v))
            s = self.turn(q) @ numpy.swapaxes(k, 1, 2) / math.sqrt(size)
            s = numpy.exp(s - s.max(-1, keepdims=True))
            mixed = s / s.sum(-1, keepdims=True) @ v
            x = x + numpy.swapaxes(mixed, 0, 1).reshape(n, -1) @ self.weight(at + "attn_out").T
            h = self.norm(x, at + "ff_norm")
            gate = h @ self.weight(at + "ff_proj").T
            x = x + (gate / (1 + numpy.exp(-gate)) * (h @ self.weight(at + "up_proj").T)) @ self.weight(at + "ff_out").T
        head = self.weight("wte" if self.c["weight_tying"] else "ff_out")
        scale = self.c["d_model"] ** -0.5 if self.c["scale_logits"] else 1.0
        return self.norm(x, "ln_f") @ head.T * scale


class Run:
    def __init__(self, net, prompt, length, mask, seed, temperature=0.0, top_k=0, top_p=1.0):
        self.net, self.mask, self.seed, self.draws = net, mask, seed, (temperature, top_k, top_p)
        self.canvas, self.free = list(prompt) + [mask] * length, list(range(len(prompt), len(prompt) + length))
        self.open, self.step, self.margin, self.log, self.sure = set(self.free), 0, math.inf, [], {}

    def see(self, distance):
        self.margin = min(self.margin, float(abs(distance)))

    def guess(self, cells):
        """One forward: cell -> (token, probability, entropy)."""
        z = self.net(self.canvas)
        out = {}
        for c in cells:
            row = z[c].copy()
            row[self.mask] = -math.inf
            t, k, p = self.draws
            if t == 0:
                token = int(row.argmax())
                self.see(row[token] - numpy.delete(row, token).max())
            else:
                token, distance = rng.draw(row, rng.uniform(self.seed, step=self.step, cell=c), t, k, p)
                self.see(distance)
            prob = numpy.exp(row - row.max())
            prob /= prob.sum()
            some = prob[prob > 0]
            out[c] = token, float(prob[token]), float(-(some * numpy.log(some)).sum())
        return out

    def write(self, changes):
        """changes: cell -> token, or the mask; ends the step."""
        for c, token in changes.items():
            self.canvas[c] = token
            (self.open.add if token == self.mask else self.open.discard)(c)
        self.log.append([[c, changes[c]] for c in sorted(changes)])
        self.step += 1

    def order(self, cells, rank):
        order = sorted(cells, key=lambda c: (-rank[c], c))
        for a, b in zip(order, order[1:]):
            self.see(rank[a] - rank[b])
        return order


def blocks(run, block, choose, prepare=None, edit=None):
    for first in range(0, len(run.free), block):
        cells = run.free[first:first + block]
        state, passes = prepare(len(cells)) if prepare else None, 0
        while True:
            masked = [c for c in cells if c in run.open]
            if not masked and edit is None:
                break
            g = run.guess(cells if edit is not None else masked)
            chosen = choose(run, masked, g, state) if masked else []
            changes = {c: g[c][0] for c in chosen}
            edits = {}
            if edit is not None:
                for c in cells:
                    if c not in run.open:
                        run.see(g[c][1] - edit)
                        if g[c][0] != run.canvas[c] and g[c][1] > edit:
                            edits[c] = g[c][0]
            run.write({**changes, **edits})
            passes += not masked
            if edit is not None and not masked and (not edits or passes == 16):
                break


def dream(run, length):
    times = numpy.linspace(1, 1e-3, length + 1)
    left, counts = length, []
    for i in range(length):
        n = left if i == length - 1 else math.floor(left * (1 - times[i + 1] / times[i]) + 1e-12)
        counts += [n] if n else []
        left -= n

    def choose(run, masked, g, state):
        return run.order(masked, {c: -g[c][2] for c in masked})[:counts.pop(0)]
    blocks(run, length, choose)


def entropy_bound(run, block, bound):
    def choose(run, masked, g, state):
        order, total, kept = run.order(masked, {c: -g[c][2] for c in masked}), 0.0, 0
        for c in order:
            if kept:
                run.see(total - bound)
                if total > bound:
                    break
            total, kept = total + g[c][2], kept + 1
        return order[:kept]
    blocks(run, block, choose)


def threshold(run, block, tau, edit=None, least=None):
    def choose(run, masked, g, state):
        p = {c: g[c][1] for c in masked}
        for c in masked:
            run.see(p[c] - tau)
        above = [c for c in masked if p[c] > tau]
        need = state.pop(0) if state else 1
        return above if len(above) >= need else run.order(masked, p)[:need]
    prepare = least and (lambda m: [m // least + (i < m % least) for i in range(least)])
    blocks(run, block, choose, prepare, edit)


def factor(run, block, f):
    def choose(run, masked, g, state):
        p = {c: g[c][1] for c in masked}
        order, k = run.order(masked, p), 1
        while k < len(order):
            run.see((k + 2) * (1 - p[order[k]]) - f)
            if (k + 2) * (1 - p[order[k]]) > f:
                break
            k += 1
        return order[:k]
    blocks(run, block, choose)


def ancestral(run, steps, kind=None, eta=0.0):
    pending = {}
    for i in range(steps):
        last = i == steps - 1
        t, s = 1 - i / steps, 0.0 if last else 1 - (i + 1) / steps
        a_t, a_s = 1 - t, 1 - s
        most = min(1.0, (1 - a_s) / a_t) if a_t > 0 else 1.0
        sigma = {None: 0.0, "cap": min(eta, most), "rescale": eta * most, "conf": 0.0}[kind]
        reveal = (a_s - (1 - sigma) * a_t) / (1 - a_t)
        decided = [c for c in run.free if c not in run.open]
        weight = {c: math.exp(-run.sure[c]) for c in decided}
        new, gone = [], {}
        for c in run.free:
            u = rng.uniform(run.seed, step=i, cell=c, purpose=rng.ORDER)
            if c in run.open:
                chance = 1.0 if last else reveal
                run.see(chance - u)
                new += [c] if u < chance else []
            elif not last:
                chance = most * weight[c] / sum(weight.values()) if kind == "conf" else sigma
                run.see(chance - u)
                if u < chance:
                    gone[c] = run.mask
        if not new:  # opened without a forward; it shows with the forward before it
            for c in gone:
                run.canvas[c] = run.mask
                run.open.add(c)
            if gone:
                run.log[-1] = sorted({**dict(run.log[-1]), **gone}.items())
                run.log[-1] = [list(x) for x in run.log[-1]]
            continue
        g = run.guess(new)
        run.sure.update({c: g[c][1] for c in new})
        run.write({**gone, **{c: g[c][0] for c in new}})


def p2(run, steps):
    for i in range(steps):
        g = run.guess(run.free)
        order = run.order(run.free, {c: g[c][1] for c in run.free})
        low = set(order[len(order) - math.floor(len(order) * (1 - (i + 1) / steps)):])
        run.write({c: run.mask if c in low else g[c][0] for c in run.free if (c in low) != (c in run.open)})
        if not run.open:
            return


CASES = [
    (dict(preset="dream", max_tokens=12, temperature=0.0), lambda r: dream(r, 12)),
    (dict(preset="dream", max_tokens=12, temperature=0.7, top_p=0.95), lambda r: dream(r, 12)),
    (dict(preset="eb", max_tokens=12, select="entropy:4"), lambda r: entropy_bound(r, 12, 4)),
    (dict(preset="eb", max_tokens=12, block_length=6, select="entropy:2", temperature=0.8), lambda r: entropy_bound(r, 6, 2)),
    (dict(preset="llada2", max_tokens=12, block_length=4, steps_per_block=2, threshold=0.3), lambda r: threshold(r, 4, 0.3, least=2)),
    (dict(preset="llada2", max_tokens=12, block_length=4, steps_per_block=3, threshold=0.3, temperature=0.8),
     lambda r: threshold(r, 4, 0.3, least=3)),
    (dict(preset="llada2.1", max_tokens=12, block_length=6, threshold=0.3, remask="edit:0.2"), lambda r: threshold(r, 6, 0.3, edit=0.2)),
    (dict(preset="llada2.1", max_tokens=12, block_length=4, threshold=0.3, remask="edit:0.1", temperature=0.6),
     lambda r: threshold(r, 4, 0.3, edit=0.1)),
    (dict(preset="llada", max_tokens=12, block_length=6, select="factor:2"), lambda r: factor(r, 6, 2)),
    (dict(preset="llada", max_tokens=12, block_length=6, select="factor:1.5", temperature=0.6), lambda r: factor(r, 6, 1.5)),
    (dict(preset="mdlm", max_tokens=12, steps=8), lambda r: ancestral(r, 8)),
    (dict(preset="mdlm", max_tokens=8, steps=40, temperature=0.0), lambda r: ancestral(r, 40)),
    (dict(preset="remdm", max_tokens=10, steps=14, remask="remdm-cap:0.1"), lambda r: ancestral(r, 14, "cap", 0.1)),
    (dict(preset="remdm", max_tokens=10, steps=14, remask="remdm-rescale:0.2"), lambda r: ancestral(r, 14, "rescale", 0.2)),
    (dict(preset="remdm", max_tokens=10, steps=12, remask="remdm-conf", temperature=0.0), lambda r: ancestral(r, 12, "conf")),
    (dict(preset="p2", max_tokens=10, steps=6, temperature=0.0), lambda r: p2(r, 6)),
    (dict(preset="p2", max_tokens=10, steps=5, temperature=0.5, top_k=200), lambda r: p2(r, 5)),
]
DRAWS = {"dream": dict(temperature=0.2, top_p=0.95), "mdlm": dict(temperature=1.0), "remdm": dict(temperature=1.0, top_p=0.9)}


def make(name):
    net = Net(GOLDEN / name)
    cases = []
    for number, (options, decode) in enumerate(CASES):
        draws = {**DRAWS.get(options["preset"], {}), **{k: options[k] for k in ("temperature", "top_k", "top_p") if k in options}}
        best = None
        for seed in range(1000 * number, 1000 * number + 400):
            prompt = numpy.random.Generator(numpy.random.PCG64(seed)).integers(0, 256, 4 + seed % 5).tolist()
            run = Run(net, prompt, options["max_tokens"], net.c["mask_token_id"], seed, **draws)
            decode(run)
            if best is None or run.margin > best[0]:
                best = run.margin, {"prompt": prompt, "seed": seed, **options, "steps_log": run.log, "nfe": run.step}
            if best[0] > SAFE:
                break
        if best[0] < SAFE / 4:
            raise SystemExit(f"{name}: no stable golden for {options}: {best[0]}")
        cases.append(best[1])
    text = "[\n" + ",\n".join(" " + json.dumps(case) for case in cases) + "\n]\n"
    (GOLDEN / "parity" / f"{name}-decoders.json").write_text(text, encoding="utf-8")
    print(f"{name}-decoders.json: {len(text)} bytes")


def make_all():
    for tiny in ("tiny-llada", "tiny-llada-tied"):
        make(tiny)


if __name__ == "__main__":
    make_all()
