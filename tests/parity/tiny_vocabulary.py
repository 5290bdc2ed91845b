"""The tokenizer and template of all tiny checkpoints."""

import json

MERGES = ["Ġ t", "h e", "i n", "Ġ a", "Ġt he", "r e", "o n", "Ġ s", "e r", "n d", "Ġ w", "a t", "o u", "i t", "Ġa nd",
          "e s", "l l", "in g", "Ġ c", "Ġ f", "o r", "Ġ b", "e n", "a s", "Ġ h", "Ġ 1"]
SPECIAL = ["<|startoftext|>", "<|endoftext|>", "<|mdm_mask|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
BOS, EOS, MASK, _, _, EOT = range(256 + len(MERGES), 256 + len(MERGES) + len(SPECIAL))
VOCAB = 256 + len(MERGES) + len(SPECIAL)
TEMPLATE = ("{{ bos_token }}{% for message in messages %}{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>"
            "\n\n' + message['content'] | trim + '<|eot_id|>' }}{% endfor %}{% if add_generation_prompt %}"
            "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}")


def byte_alphabet():
    """Byte-level BPE writes the printable bytes as themselves and the others, in order, as U+0100 and on."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    return [chr(b) for b in printable] + [chr(0x100 + i) for i in range(len(others))]


def write_tokenizer(directory):
    vocab = byte_alphabet() + [m.replace(" ", "") for m in MERGES]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": len(vocab) + i, "content": t, **flags} for i, t in enumerate(SPECIAL)],
        "normalizer": None, "pre_tokenizer": level, "post_processor": None, "decoder": level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                  "vocab": {t: i for i, t in enumerate(vocab)}, "merges": MERGES}}
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": SPECIAL[0], "eos_token": SPECIAL[1],
              "pad_token": SPECIAL[1], "mask_token": SPECIAL[2], "chat_template": TEMPLATE}
    dump(directory / "tokenizer.json", tokenizer, None)
    dump(directory / "tokenizer_config.json", config)


def dump(path, value, indent=1):
    path.write_text(json.dumps(value, ensure_ascii=False, indent=indent) + "\n", encoding="utf-8")
