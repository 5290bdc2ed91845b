"""Philox-4x32-10 and the layout of our counter, written from the paper (Salmon et al., SC'11) and docs/random.md,
independently of src/base/random.cc."""

import math

import numpy

TOKEN, ORDER, NOISE, TIME, DATA, INIT = range(6)
WORD = 0xFFFFFFFF


def philox(counter, key):
    c, k = list(counter), list(key)
    for _ in range(10):
        product0, product1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(product1 >> 32) ^ c[1] ^ k[0], product1 & WORD, (product0 >> 32) ^ c[3] ^ k[1], product0 & WORD]
        k = [(k[0] + 0x9E3779B9) & WORD, (k[1] + 0xBB67AE85) & WORD]
    return c


def bits(seed, n_index=0, step=0, cell=0, purpose=TOKEN, index=0):
    return philox([cell, step, n_index, purpose << 24 | index], [seed & WORD, seed >> 32])


def uniform(*args, **kwargs):
    word = bits(*args, **kwargs)
    k = (word[1] << 32 | word[0]) >> 11
    return min((k + 0.5) * 2.0**-53, 1 - 2.0**-53)


def kept_weights(logits, temperature, top_k=0, top_p=1.0):
    """Token -> weight of softmax(logits / temperature), of it the top_k largest, of these the smallest set whose mass reaches
    top_p (ties: lower id first); and how far the border is from another token, relative to the mass."""
    z = logits.astype(numpy.float64) / temperature
    weight = numpy.exp(z - z.max())
    order = numpy.lexsort((numpy.arange(len(z)), -z)).tolist()
    if top_k > 0:
        order = order[:top_k]
    if top_p >= 1:
        return {v: float(weight[v]) for v in order}, math.inf
    goal, mass, kept, margin = top_p * sum(weight[v] for v in order), 0.0, {}, math.inf
    for v in order:
        if kept:
            margin = min(margin, abs(mass - goal) / goal)
            if mass >= goal:
                break
        kept[v] = float(weight[v])
        mass += weight[v]
    return kept, margin


def draw(logits, u, temperature, top_k=0, top_p=1.0):
    """The token drawn from a row of logits, and how far u is from choosing another (relative to the total mass): inverse of the
    cumulative sum of kept_weights in ascending id order."""
    kept, cut_margin = kept_weights(logits, temperature, top_k, top_p)
    mass = sum(kept.values())
    threshold, running = u * mass, 0.0
    for v in sorted(kept):
        below, running = running, running + kept[v]
        if running > threshold:
            return v, min(cut_margin, (running - threshold) / mass, (threshold - below) / mass if below else math.inf)
    return max(kept), 0.0


def vectors():
    """Test vectors: the paper's known answers and one key per field."""
    pi = [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344]
    raw = [([0] * 4, [0] * 2), ([WORD] * 4, [WORD] * 2), (pi, [0xA4093822, 0x299F31D0])]
    base = dict(seed=42, n_index=0, step=0, cell=0, purpose=TOKEN, index=0)
    changes = [{}, dict(seed=1), dict(seed=1 << 40 | 7), dict(n_index=3), dict(step=5), dict(cell=17),
               dict(purpose=ORDER), dict(purpose=INIT, index=(1 << 24) - 1), dict(seed=2**64 - 1, step=WORD, cell=WORD),
               dict(cell=2609114715, step=1936809105, n_index=3185967290, index=12258018)]
    keys = [{**base, **change} for change in changes]
    return {"philox": [{"counter": c, "key": k, "words": philox(c, k)} for c, k in raw],
            "draws": [{**k, "words": bits(**k), "uniform": uniform(**k)} for k in keys]}
