"""The samplers, written from the papers: LLaDA (Nie et al. 2025: low-confidence and random remasking, semi-autoregressive
blocks) and Fast-dLLM v1 (Wu et al. 2025: confidence threshold, prefix cache, DualCache), with this project's decisions: the
mask token is banned before the softmax, ties go to the lowest cell and the lowest id, a threshold is strict and the best
cell always commits."""

import math

import numpy

import random_reference as rng


class Margin:
    """The smallest distance to another outcome. A golden is worth keeping only if float noise cannot change it."""

    def __init__(self):
        self.value = math.inf

    def see(self, distance):
        self.value = min(self.value, float(distance))


def candidate(row, mask_id, temperature, seed, step, cell, margin):
    """The token for one cell and its probability under the untempered distribution without the mask token."""
    z = row.astype(numpy.float64)
    z[mask_id] = -math.inf
    if temperature == 0:
        token = int(z.argmax())  # the first of equals
        margin.see(z[token] - numpy.delete(z, token).max())
    else:
        token, distance = rng.draw(z, rng.uniform(seed, step=step, cell=cell), temperature)
        margin.see(distance)
    return token, math.exp(z[token] - z.max()) / numpy.exp(z - z.max()).sum()


def best_first(scores, count, margin):
    """The `count` cells of highest score; ties: lowest cell first."""
    order = sorted(scores, key=lambda cell: (-scores[cell], cell))
    if 0 < count < len(order):
        margin.see(scores[order[count - 1]] - scores[order[count]])
    return order[:count]


def share(total, parts):
    """As evenly as possible, the first parts get one more."""
    return [total // parts + (i < total % parts) for i in range(parts)]


def stop_at(canvas, begin, set_at, stop_ids):
    """The cell of the first stop token that has nothing undecided before it, or None."""
    for cell in range(begin, len(canvas)):
        if cell not in set_at:
            return None
        if canvas[cell] in stop_ids:
            return cell
    return None


def show(rows, canvas, block, first_of_block, cache, kept):
    """One forward under a cache: cell -> logits. A block's first forward computes the whole canvas anew; after it
    "prefix" computes the block and what lies behind it, "dual" the block alone."""
    begin, end = 0, len(canvas)
    if cache == "none" or first_of_block:
        kept.clear()
    else:
        begin, end = block.start, end if cache == "prefix" else block.stop
    return dict(enumerate(rows(canvas[begin:end], begin, kept), begin))


def generate(rows, prompt, mask_id, length, block_length, *, steps=None, threshold=None, remasking="low_confidence",
             temperature=0.0, seed=0, stop_ids=(), cache="none"):
    """rows: LLaDA.rows. Either `steps` (over all blocks) or `threshold`. The answer's ids (before the
    stop token, if one became final), the step that set each, the number of forwards; and the margin."""
    canvas, margin, step, set_at, kept = list(prompt) + [mask_id] * length, Margin(), 0, {}, {}
    begin, end = len(prompt), len(canvas)
    blocks = [range(b, min(b + block_length, end)) for b in range(begin, end, block_length)]
    budget = share(steps, len(blocks)) if steps else None
    stop = None
    for number, block in enumerate(blocks):
        masked = list(block)
        quota = share(len(masked), budget[number]) if steps else None
        while masked and stop is None:
            z = show(rows, canvas, block, len(masked) == len(block), cache, kept)
            guess = {c: candidate(z[c], mask_id, temperature, seed, step, c, margin) for c in masked}
            score = {c: p for c, (_, p) in guess.items()}
            if remasking == "random":
                score = {c: rng.uniform(seed, step=step, cell=c, purpose=rng.ORDER) for c in masked}
            if threshold is None:
                chosen = best_first(score, quota.pop(0), Margin() if remasking == "random" else margin)
            else:
                for p in score.values():
                    margin.see(abs(p - threshold))
                chosen = [c for c in masked if score[c] > threshold] or best_first(score, 1, margin)
            for c in chosen:
                canvas[c], set_at[c] = guess[c][0], step
            masked = [c for c in masked if c not in set_at]
            step += 1
            stop = stop_at(canvas, begin, set_at, stop_ids)
    written = range(begin, end if stop is None else stop)
    return {"tokens": [canvas[c] for c in written], "step_of_cell": [set_at[c] for c in written], "nfe": step,
            "finish": "length" if stop is None else "stop"}, margin.value


def continue_causal(logits, prompt, length, *, temperature=0.0, top_k=0, top_p=1.0, seed=0):
    """Autoregressive decoding, left to right; token i of the answer is drawn in step i for cell len(prompt) + i."""
    tokens, margin = list(prompt), Margin()
    for step in range(length):
        z = logits(tokens)[-1].astype(numpy.float64)
        if temperature == 0:
            token = int(z.argmax())
            margin.see(z[token] - numpy.delete(z, token).max())
        else:
            u = rng.uniform(seed, step=step, cell=len(tokens))
            token, distance = rng.draw(z, u, temperature, top_k, top_p)
            margin.see(distance)
        tokens.append(token)
    return tokens[len(prompt):], margin.value
