#!/usr/bin/env python3
"""Writes tests/golden/tokenizer/: what the PyPI package `tokenizers` makes of 10,000 lines of mixed text.

The lines are not stored: this script and tests/unit/text/tokenizer_parity_test.cc generate the same ones from fragments and
a small generator (`Lines` below). Stored are fragments.json, four small tokenizers trained on such lines (base.json:
byte-level BPE, spm.json: BPE as SentencePiece has it, unigram.json, wordpiece.json) and hashes.json: variants of them as JSON
merge patches, each with one hash per 50 lines of ids and decoded text.

    pip install tokenizers gguf
    make_tokenizer_goldens.py [--smollm2 FILE.gguf]     without it the stored hashes for SmolLM2 are kept
"""
import argparse
import collections
import json
import pathlib
import struct

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from tokenizers import normalizers as norm

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden" / "tokenizer"
LINES, LINES_PER_HASH, SEED, TRAINING_SEED = 10_000, 50, 20260701, 7
SPECIALS = ["<|bos|>", "<|eos|>", "<|mask|>"]

FRAGMENTS = [
    # prose, contractions in both cases and with a long s
    "the quick brown fox", " jumps", " over", " the", " lazy", " dog", ".", ", ", "I'm", " we've", " you'll", " they're",
    " he'd", " it's", " don't", "IT'S", " WE'VE", " YOU'LL", "'S", "'s", "'\u017f", "'t", "''", "'", " '", "'r", "'ll'll",
    "naïve", " café", " Ærøskøbing", " straße", " İstanbul", " ǅ", "ﬁn", " ſo", "Once upon a time", " there was", " a",
    # numbers: runs of one to four digits and other kinds of number
    "1", "12", "123", "1234", " 7", " 42", " 365", " 2026", "3.14159", "1,000,000", "x²", "½", "Ⅷ", "٣٤", " १२३", "①②", "1st",
    # white space
    " ", "  ", "   ", "\t", "\t\t", "\n", "\n\n", "\r\n", "\r", "  \n", " \n ", "\n  ", "\t\n", "\u00a0", "\u3000", " \u00a0 ",
    "\u2003", "\u200b", "\u2028", "\x85", "\x0b", "\x0c", "    ", "        ",
    # code
    "def f(x):\n    return x ** 2\n", "for (int i = 0; i < n; ++i) {\n\t", "}\r\n", "a->b", "::", "//", "/* */", "!=", "===", "=>",
    "&&", "||", "#include <vector>", "\"s\\n\"", "`ls -la`", "$HOME", "[i][j]", "();", "--", "...", "\\", "_name_", "camelCase",
    "SNAKE_CASE", "<div class=\"x\">", "</div>", "https://example.org/?q=1&r=2", "user@example.org", "{{ x }}", "{%", "%}", "@", "^",
    # other scripts
    "你好，世界！", "中文", "日本語のテキスト", "カタカナ", "한국어", " 텍스트", "Привет, мир", " мир", "Ελληνικά", "שלום", "مرحبا",
    "नमस्ते", "ภาษาไทย", "ქართული", "Tiếng Việt", "「」", "。", "、",
    # combining marks, composed and not
    "e\u0301", "n\u0303", "a\u0308\u0323", "\u0301", "\u1100\u1161\u11a8", "\u212b", "\u03c9\u0301", "q\u0307\u0323", "ö", "o\u0308",
    # emoji: alone, with skin tone, joined, flags, keycaps
    "😀", "👍🏽", "👩\u200d👩\u200d👧\u200d👦", "🏳\ufe0f\u200d🌈", "🇩🇪", "1\ufe0f\u20e3", "❤\ufe0f", "🧑\u200d💻",
    # special tokens, whole, touching and broken
    "<|bos|>", "<|eos|>", "<|mask|>", " <|mask|> ", "<|mask|", "|mask|>", "<|bos|><|eos|>", "a<|eos|>b", "<", "<|", "|>",
    "<|im_start|>", "<|im_end|>", "<|endoftext|>",
    # what the added-token variant looks for
    "word", " word ", "words", "Left", " \t Left", "right", "right \n ", "LOUD", "loud", "é", "aa", "aaa", "aaaaaaaa", "ab", "abab",
]

# First and last code point of ranges from which single characters are drawn.
RANGES = [
    (0x00, 0x1F), (0x20, 0x7E), (0xA0, 0x24F), (0x300, 0x36F), (0x391, 0x3C9), (0x400, 0x45F), (0x5D0, 0x5EA), (0x621, 0x64A),
    (0x904, 0x939), (0xE01, 0xE30), (0x2000, 0x206F), (0x2150, 0x2189), (0x2190, 0x21FF), (0x2460, 0x24FF), (0x3001, 0x30FF),
    (0x4E00, 0x9FA5), (0xAC00, 0xD7A3), (0xFB00, 0xFB06), (0xFF01, 0xFF5E), (0x1D400, 0x1D454), (0x1F300, 0x1F64F),
]


class Lines:
    """A 64-bit linear congruential generator (Knuth's MMIX constants), its upper 31 bits modulo n."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % n

    def line(self):
        parts = []
        for _ in range(self.below(16)):
            if self.below(8) == 0:
                first, last = RANGES[self.below(len(RANGES))]
                parts.append(chr(first + self.below(last - first + 1)))
            else:
                parts.append(FRAGMENTS[self.below(len(FRAGMENTS))])
        return "".join(parts)


def base_tokenizer():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    generator = Lines(TRAINING_SEED)
    corpus = [generator.line() for _ in range(3000)]
    for special in SPECIALS:  # else their letters would be learned as words
        corpus = [line.replace(special, " ") for line in corpus]
    trainer = trainers.BpeTrainer(vocab_size=1200, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.add_special_tokens([AddedToken(special, special=True, normalized=False) for special in SPECIALS])
    return json.loads(tokenizer.to_str())


LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = LLAMA3.replace("{1,3}", "")
QWEN35 = QWEN2.replace(r"]?\p{L}+", r"]?[\p{L}\p{M}]+").replace(r" ?[^\s\p{L}\p{N}]", r" ?[^\s\p{L}\p{M}\p{N}]")
BAILING = (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+")
BYTES_ONLY = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}


def split(pattern, behavior="Isolated", invert=False, kind="Regex"):
    step = {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}
    return {"type": "Sequence", "pretokenizers": [step, BYTES_ONLY]}


def normalizers(*steps):
    return {"type": "Sequence", "normalizers": [step if isinstance(step, dict) else {"type": step} for step in steps]}


def variants(base):
    """Name, JSON merge patch of the base, whether add_special_tokens."""
    added = base["added_tokens"]
    vocabulary = base["model"]["vocab"]
    more = list(added)

    def add(content, **flags):  # under the id it has, else the next
        new_id = len(vocabulary) + sum(token["content"] not in vocabulary for token in more)
        flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False, **flags}
        more.append({"id": vocabulary.get(content, new_id), "content": content, **flags})

    add("word", single_word=True)
    add("Left", lstrip=True)
    add("right", rstrip=True)
    add("loud", normalized=True)
    add("aa")
    add("aaa")
    add("<|im_start|>", lstrip=True, rstrip=True, special=True)
    add("fox", normalized=True, single_word=True)
    bos = added[0]["id"]
    template = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<|bos|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<|bos|>": {"id": "<|bos|>", "ids": [bos], "tokens": ["<|bos|>"]}},
    }
    yield "smollm", {}, False
    yield "gpt2", {"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True,
                                     "pretokenizers": None}}, False
    yield "llama3", {"pre_tokenizer": split(LLAMA3), "model": {"ignore_merges": True},
                     "post_processor": {"type": "Sequence", "processors": [
                         {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}, template]}}, True
    yield "qwen2", {"pre_tokenizer": split(QWEN2), "normalizer": {"type": "NFC"}}, False
    yield "qwen3.5", {"pre_tokenizer": split(QWEN35), "normalizer": {"type": "NFC"}}, False
    yield "bailing", {"pre_tokenizer": split(BAILING, "Removed", True)}, False
    yield "added", {"added_tokens": more, "normalizer": normalizers("NFKC", "Lowercase")}, False
    yield "nfd", {"normalizer": {"type": "NFD"}}, False
    yield "nfkd", {"normalizer": {"type": "NFKD"}}, False
    yield "replace", {"normalizer": normalizers(
        {"type": "Prepend", "prepend": "_"}, {"type": "Replace", "pattern": {"String": "aa"}, "content": "b"},
        {"type": "Replace", "pattern": {"Regex": r"\p{Lu}+\d?"}, "content": "U"})}, False
    for behavior in ["Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous"]:
        yield "split-" + behavior, {"pre_tokenizer": split("a", behavior, kind="String")}, False
        yield "split-regex-" + behavior, {"pre_tokenizer": split(r"[\s\p{P}]", behavior)}, False
    digits = {"type": "Digits", "individual_digits": False}
    yield "digits", {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [digits, BYTES_ONLY]}}, False


MARK = "\u2581"


def training_lines(seed):
    generator = Lines(seed)
    for _ in range(3000):
        line = generator.line()
        for special in SPECIALS:
            line = line.replace(special, " ")
        yield line


def spm_tokenizer():
    """BPE in the form of Llama 2's tokenizer.json, with few characters known, so that bytes stand in for the others."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = norm.Sequence([norm.Prepend(MARK), norm.Replace(" ", MARK)])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")  # for the trainer only
    specials = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=1400, limit_alphabet=150, special_tokens=specials, show_progress=False)
    tokenizer.train_from_iterator(training_lines(11), trainer)
    stored = json.loads(tokenizer.to_str())
    stored["pre_tokenizer"] = None
    stored["added_tokens"] = stored["added_tokens"][:3]
    stored["decoder"] = {"type": "Sequence", "decoders": [
        {"type": "Replace", "pattern": {"String": MARK}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
    return stored


def unigram_tokenizer():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = norm.Sequence([norm.Precompiled(charsmap()), norm.Strip(left=False, right=True),
                                          norm.Replace(Regex(" {2,}"), MARK)])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    trainer = trainers.UnigramTrainer(vocab_size=1600, special_tokens=["<s>", "</s>", "<unk>"], unk_token="<unk>",
                                      show_progress=False)
    common = [line for line in training_lines(12)]
    frequent = {c for c, n in collections.Counter("".join(common)).items() if n > 8}  # the others stay unknown
    tokenizer.train_from_iterator(["".join(c for c in line if c in frequent) for line in common], trainer)
    stored = json.loads(tokenizer.to_str())
    for piece in stored["model"]["vocab"]:  # so short that the library's fast reader of numbers is exact, too
        piece[1] = round(piece[1], 4)
    return stored


def wordpiece_tokenizer():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = norm.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=1000, limit_alphabet=300, show_progress=False,
                                        special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    tokenizer.train_from_iterator(training_lines(13), trainer)
    stored = json.loads(tokenizer.to_str())
    stored["post_processor"] = {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}
    return stored


def charsmap():
    """A SentencePiece charsmap of a few rules: a Darts double array over the keys, then what they become."""
    rules = {"\u3000": " ", "\u00a0": " ", "\t": " ", "\n": " ", "\r": "", "\u200b": "", "\u00bd": "1\u20442", "\u2167": "VIII",
             "\ufb01": "fi", "e\u0301": "\u00e9", "n\u0303": "\u00f1", "\u212b": "\u00c5", "\u2026": "...", "\u0085": " ",
             "\u30ab": "\uff76", "A": "a", "a\u0308": "\u00e4", "\u1100\u1161\u11a8": "\uac01", "x\u00b2": "x^2", "\ud55c": "\u1112\u1161\u11ab"}
    blob, values = b"", {}
    for key, becomes in sorted(rules.items(), key=lambda rule: rule[0].encode()):
        values[key.encode()] = len(blob)
        blob += becomes.encode() + b"\0"
    children = {}  # prefix -> next bytes; 0 ends a key
    for key in values:
        for i in range(len(key)):
            children.setdefault(key[:i], set()).add(key[i])
        children.setdefault(key, set()).add(0)
    units, taken = {0: 0}, {0}

    def place(prefix, node):
        labels = sorted(children[prefix])
        base = next(b for b in range(256, 1 << 20) if not any((b ^ label) in taken for label in labels))
        taken.update(base ^ label for label in labels)
        offset = node ^ base
        assert offset < 1 << 21
        units[node] = units.get(node, 0) | offset << 10 | (1 << 8 if 0 in labels else 0)
        for label in labels:
            if label == 0:
                units[base] = values[prefix] | 1 << 31
            else:
                units[base ^ label] = label
                place(prefix + bytes([label]), base ^ label)

    place(b"", 0)
    size = max(units) // 256 * 256 + 256
    trie = struct.pack(f"<{size}I", *(units.get(i, 0) for i in range(size)))
    return struct.pack("<I", len(trie)) + trie + blob


def more_variants():
    """Name of the stored tokenizer, name, JSON merge patch, whether add_special_tokens."""
    yield "spm", "spm", {}, False
    first = {"type": "Metaspace", "replacement": MARK, "prepend_scheme": "first", "split": False}
    yield "spm", "spm-metaspace-first", {"normalizer": None, "pre_tokenizer": first}, True
    yield "spm", "spm-unk", {"model": {"byte_fallback": False}}, False
    yield "spm", "spm-unk-apart", {"model": {"byte_fallback": False, "fuse_unk": False}, "decoder": None}, False
    yield "unigram", "unigram", {}, False
    yield "unigram", "unigram-nmt", {
        "normalizer": normalizers("Nmt", "NFKC"), "decoder": {"type": "Metaspace", "replacement": MARK, "prepend_scheme": "never"},
        "post_processor": {"type": "RobertaProcessing", "sep": ["</s>", 1], "cls": ["<s>", 0], "trim_offsets": True,
                           "add_prefix_space": False}}, True
    old = {"type": "Metaspace", "replacement": MARK, "add_prefix_space": True}
    yield "unigram", "unigram-t5", {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, old]}}, False
    yield "unigram", "unigram-whole", {"normalizer": None, "pre_tokenizer": None}, False
    yield "wordpiece", "wordpiece", {}, True
    yield "wordpiece", "wordpiece-cased", {
        "normalizer": {"type": "BertNormalizer", "clean_text": False, "handle_chinese_chars": False, "strip_accents": None,
                       "lowercase": False}, "model": {"max_input_chars_per_word": 6}}, False
    yield "wordpiece", "wordpiece-accents", {
        "normalizer": dict.fromkeys(["clean_text", "handle_chinese_chars", "lowercase"]) | normalizers(
            {"type": "Strip", "strip_left": True, "strip_right": False}, "NFD", "StripAccents"),
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": False}}, False
    yield "wordpiece", "wordpiece-words", {"pre_tokenizer": {"type": "Whitespace"}}, False
    yield "wordpiece", "wordpiece-punctuation", {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [
        {"type": "CharDelimiterSplit", "delimiter": " "}, {"type": "Punctuation", "behavior": "Contiguous"}]}}, False


def merge_patch(target, patch):  # RFC 7396
    if not isinstance(patch, dict):
        return patch
    target = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        else:
            target[key] = merge_patch(target.get(key), value)
    return target


def smollm2_tokenizer(path):
    """The tokenizer of the GGUF file, put together from its metadata."""
    from gguf import GGUFReader
    fields = GGUFReader(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    types = fields["tokenizer.ggml.token_type"].contents()
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"].contents()]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t, kind in zip(tokens, types) if kind == 3])
    return tokenizer


def fnv(data, value):
    """FNV-1a, 32 bits."""
    for byte in data:
        value = (value ^ byte) * 16777619 % 2**32
    return value


def hash_lines(tokenizer, add_special):
    generator, hashes = Lines(SEED), []
    for _ in range(LINES // LINES_PER_HASH):
        value = 2166136261
        for _ in range(LINES_PER_HASH):
            ids = tokenizer.encode(generator.line(), add_special_tokens=add_special).ids
            value = fnv(b"".join(i.to_bytes(4, "little") for i in ids + [2**32 - 1]), value)
            value = fnv(tokenizer.decode(ids, skip_special_tokens=False).encode(), value)
        hashes.append(value)
    return hashes


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smollm2", help="SmolLM2-135M-Instruct as GGUF")
    arguments = parser.parse_args()
    GOLDEN.mkdir(parents=True, exist_ok=True)
    stored = GOLDEN / "hashes.json"
    # Training breaks ties by chance: what is stored stays; without the file it is trained anew.
    trained = {"base": base_tokenizer, "spm": spm_tokenizer, "unigram": unigram_tokenizer, "wordpiece": wordpiece_tokenizer}
    stored_tokenizers = {}
    for name, train in trained.items():
        path = GOLDEN / f"{name}.json"
        stored_tokenizers[name] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else train()
    result = {"lines": LINES, "lines_per_hash": LINES_PER_HASH, "seed": SEED, "variants": []}
    wanted = [("base", *variant) for variant in variants(stored_tokenizers["base"])] + list(more_variants())
    for of, name, patch, add_special in wanted:
        tokenizer = Tokenizer.from_str(json.dumps(merge_patch(stored_tokenizers[of], patch)))
        result["variants"].append({"name": name, "of": of, "patch": patch, "add_special": add_special,
                                   "hashes": hash_lines(tokenizer, add_special)})
    if arguments.smollm2:
        result["smollm2"] = hash_lines(smollm2_tokenizer(arguments.smollm2), False)
    elif stored.exists():
        result["smollm2"] = json.loads(stored.read_text())["smollm2"]

    def write(name, value):
        (GOLDEN / name).write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")

    write("fragments.json", {"fragments": FRAGMENTS, "ranges": RANGES})
    for name, tokenizer in stored_tokenizers.items():
        write(name + ".json", tokenizer)
    write("hashes.json", result)


if __name__ == "__main__":
    main()
