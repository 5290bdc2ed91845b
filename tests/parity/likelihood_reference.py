"""Log-likelihoods: exact for autoregressive nets; for LLaDA its Monte-Carlo bound with a fixed number of masks in each draw
(Nie et al. 2025, appendix), its random numbers laid out as src/sample/bound.h says."""

import math

import numpy

import random_reference as rng


def log_softmax(row):
    z = row.astype(numpy.float64) - row.max()
    return z - math.log(numpy.exp(z).sum())


def causal(logits, context, target):
    z = logits(context + target)
    return sum(log_softmax(z[len(context) + i - 1])[token] for i, token in enumerate(target))


def bound(logits, context, target, mask_id, draws, width, seed):
    """(mean log-likelihood, standard error over groups of draws)."""
    n, draw, losses = len(target), 0, []
    groups = max(math.ceil(draws / width), min(draws, 4))
    for group in range(groups):
        size, loss = draws // groups + (group < draws % groups), 0.0
        k = min(n, 1 + int(n * rng.uniform(seed, step=group, purpose=rng.TIME)))
        for j in range(size):
            count = (k + math.floor(j * n / size + 0.5) - 1) % n + 1
            order = sorted(range(n), key=lambda i: rng.uniform(seed, step=draw, cell=i, purpose=rng.NOISE))
            shown = context + [mask_id if i in order[:count] else token for i, token in enumerate(target)]
            z = logits(shown)
            loss -= sum(log_softmax(z[len(context) + i])[target[i]] for i in order[:count]) * n / count
            draw += 1
        losses.append((loss, size))
    mean = sum(loss for loss, _ in losses) / draws
    spread = sum(((loss - mean * size) * groups / draws) ** 2 for loss, size in losses)
    return -mean, math.sqrt(spread / (groups - 1) / groups)
