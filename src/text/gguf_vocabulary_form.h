// How GGUF describes a vocabulary to llama.cpp (tokenizer.ggml.model), found for a tokenizer.json.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/gguf_write.h"
#include "text/json_field.h"
#include "text/word_model.h"

namespace pent {

struct GgufVocabularyForm {
  GgufPairs pairs;            // tokenizer.ggml.model first; and what this form has besides the tokens and their types
  std::vector<float> scores;  // by token; empty: the form has none
  std::optional<TokenId> unknown;  // what stands for unknown text
  bool byte_tokens = false;        // tokens <0xXX> stand for a byte
  bool word_pieces = false;        // tokens are stored as stored_word_piece() has them
  std::string note;                // what llama.cpp will do otherwise than this tokenizer; empty: nothing
};

// "gpt2" for byte-level BPE with a pre-tokenizer that llama.cpp has a name for, "llama" for SentencePiece's BPE whose merges
// scores can say, "t5" for Unigram, "bert" for WordPiece, each only where llama.cpp makes the same ids of a text but for what `note`
// says; nullopt for the others. `tokenizer` is one that parse_tokenizer_json accepts, with token ids below `size`.
std::optional<GgufVocabularyForm> find_vocabulary_form(const JsonPart& tokenizer, int size);

// WordPiece's tokens in GGUF: what begins a word is marked with U+2581, the rest goes without "##"; control tokens stay.
std::string stored_word_piece(const std::string& token);
std::string restored_word_piece(const std::string& stored);

}  // namespace pent
