"""Logits and decoded ids of the tiny checkpoints."""

import numpy
import torch

import decoding_reference as decoding
import likelihood_reference as likelihood
import tiny_models
from common import GOLDEN, PARITY, write_json, write_tensors
from llada_reference import LLaDA

SAFE = 2e-4  # least margin of a kept golden; f32 noise on these nets is near 1e-5


def llama(name):
    from transformers import LlamaForCausalLM
    model = LlamaForCausalLM.from_pretrained(GOLDEN / name, torch_dtype=torch.float32).eval()

    @torch.no_grad()
    def logits(tokens):
        return model(torch.tensor([tokens])).logits[0].numpy()
    return logits


def sequences(seed, masked):
    """Lengths 1, 2, 9 and 20; with `masked`, about half the cells show the mask token."""
    generator = numpy.random.Generator(numpy.random.PCG64(seed))
    for n in (1, 2, 9, 20):
        tokens = generator.integers(0, tiny_models.MASK, n)
        if masked:
            tokens[generator.random(n) < 0.5] = tiny_models.MASK
        yield tokens.tolist()


def write_logits(name, logits, texts):
    texts = list(texts)
    write_tensors(PARITY / f"{name}.safetensors", {
        "ids": numpy.concatenate(texts).astype(numpy.int32),
        "lengths": numpy.array([len(t) for t in texts], numpy.int32),
        "logits": numpy.concatenate([logits(t) for t in texts]).astype(numpy.float32)})


def keep(cases, run, **options):
    """The first prompt seed whose outcome no float noise can change."""
    number = len(cases)
    for seed in range(200 * number, 200 * (number + 1)):
        generator = numpy.random.Generator(numpy.random.PCG64(seed))
        prompt = generator.integers(0, 256, int(generator.integers(4, 12))).tolist()
        if number % 2:
            prompt[1] = tiny_models.MASK  # a user may type the mask token: it stays
        result, margin = run(prompt, seed)
        if margin > SAFE:
            cases.append({"prompt": prompt, "seed": seed, **options, **result})
            return
    raise SystemExit(f"parity: no stable golden for {options}")


def diffusion_cases(rows):
    cases = []
    settings = [
        dict(length=16, block_length=16, steps=16), dict(length=16, block_length=16, steps=8),
        dict(length=16, block_length=8, steps=6), dict(length=24, block_length=8, steps=24),
        dict(length=16, block_length=16, steps=16, remasking="random"),
        dict(length=16, block_length=8, steps=8, remasking="random"),
        dict(length=16, block_length=16, steps=8, temperature=0.8),
        dict(length=16, block_length=8, steps=16, temperature=1.5, remasking="random"),
        dict(length=16, block_length=16, threshold=0.9), dict(length=16, block_length=8, threshold=0.5),
        dict(length=24, block_length=8, threshold=0.25), dict(length=16, block_length=8, threshold=0.4, temperature=0.7),
        dict(length=20, block_length=8, steps=10),  # neither divides the other
        dict(length=24, block_length=8, steps=12, stop_index=9), dict(length=24, block_length=24, threshold=0.6, stop_index=2),
        dict(length=24, block_length=8, steps=24, cache="prefix"), dict(length=24, block_length=8, steps=24, cache="dual"),
        dict(length=20, block_length=8, steps=10, cache="dual"), dict(length=24, block_length=8, threshold=0.4, cache="prefix"),
        dict(length=24, block_length=12, steps=24, temperature=0.8, cache="prefix"),
        dict(length=24, block_length=12, steps=24, temperature=1.2, cache="dual", remasking="random"),
        dict(length=24, block_length=8, steps=12, cache="dual", stop_index=9)]
    for setting in settings:
        stop_index = setting.pop("stop_index", None)

        def run(prompt, seed):
            result, margin = decoding.generate(rows, prompt, tiny_models.MASK, seed=seed, **setting)
            if setting.get("cache") and result == decoding.generate(
                    rows, prompt, tiny_models.MASK, seed=seed, **{**setting, "cache": "none"})[0]:
                return result, 0  # it shall tell the cache from none
            if stop_index is None:
                return result, margin
            stop = result["tokens"][stop_index]  # what stands there shall be a stop token
            result, margin = decoding.generate(rows, prompt, tiny_models.MASK, seed=seed, stop_ids=[stop], **setting)
            return {"stop_ids": [stop], **result}, margin if len(result["tokens"]) >= stop_index else 0
        keep(cases, run, **setting)
    return cases


def causal_cases(logits):
    cases = []
    settings = [dict(length=32), dict(length=24, temperature=1.0), dict(length=24, temperature=0.7, top_p=0.9),
                dict(length=24, temperature=1.3, top_k=5), dict(length=16, temperature=1.0, top_k=20, top_p=0.8)]
    for setting in settings:
        def run(prompt, seed):
            tokens, margin = decoding.continue_causal(logits, prompt, seed=seed, **setting)
            return {"tokens": tokens}, margin
        keep(cases, run, **setting)
    return cases


def likelihood_cases(logits, diffusion):
    cases = []
    for seed, (context, target, draws, width) in enumerate([(3, 1, 4, 4), (5, 7, 24, 4), (4, 12, 10, 4), (1, 9, 13, 16)]):
        tokens = numpy.random.Generator(numpy.random.PCG64(50 + seed)).integers(0, 256, context + target).tolist()
        case = {"context": tokens[:context], "target": tokens[context:]}
        if diffusion:
            mean, error = likelihood.bound(logits, case["context"], case["target"], tiny_models.MASK, draws, width, seed)
            case |= {"draws": draws, "width": width, "seed": seed, "log_prob": mean, "standard_error": error}
        else:
            case["log_prob"] = likelihood.causal(logits, case["context"], case["target"])
        cases.append(case)
    return cases


def make():
    tiny_models.make_all()
    for i, name in enumerate(["tiny-llada", "tiny-llada-tied"]):
        model = LLaDA(GOLDEN / name)
        write_logits(name, model.logits, sequences(20 + i, masked=True))
        write_json(PARITY / f"{name}-decoding.json", diffusion_cases(model.rows))
        write_json(PARITY / f"{name}-likelihood.json", likelihood_cases(model.logits, diffusion=True))
    logits = llama("tiny-llama")
    write_logits("tiny-llama", logits, sequences(30, masked=False))
    write_json(PARITY / "tiny-llama-decoding.json", causal_cases(logits))
    write_json(PARITY / "tiny-llama-likelihood.json", likelihood_cases(logits, diffusion=False))
