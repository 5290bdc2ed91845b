// BPE training on counted words (Sennrich et al. 2016): the most frequent pair becomes a token, until the vocabulary is
// full. Pair counts are kept up to date word by word; a heap with stale entries finds the next pair.
#include "text/bpe_trainer.h"

#include <algorithm>
#include <array>
#include <queue>
#include <unordered_map>

#include "base/error.h"
#include "base/json.h"
#include "text/bpe.h"
#include "text/byte_alphabet.h"
#include "text/pre_tokenizer.h"
#include "text/utf8.h"

namespace pent {
namespace {

constexpr int kBytes = 256;

struct CountedWord {
  std::vector<TokenId> symbols;
  int64_t count;
};

PreTokenizer training_pre_tokenizer() { return {{digits_step(true), byte_level_step(false, true)}}; }

// Words in the byte alphabet and how often they occur, in an order that depends on the text only.
std::vector<std::pair<std::string, int64_t>> count_words(const DocumentSource& documents) {
  std::unordered_map<std::string, int64_t, StringHash, std::equal_to<>> counts;
  const PreTokenizer pre_tokenize = training_pre_tokenizer();
  documents([&](std::string_view document) {
    const Words words = pre_tokenize(replace_invalid_utf8(document), /*at_start=*/true);
    for (size_t i = 0; i < words.spans.size(); ++i) {
      const auto known = counts.find(words[i]);
      if (known != counts.end()) {
        ++known->second;
      } else {
        counts.emplace(words[i], 1);
      }
    }
  });
  std::vector<std::pair<std::string, int64_t>> sorted(counts.begin(), counts.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

class Trainer {
 public:
  Trainer(const DocumentSource& documents, const BpeTrainerOptions& options);
  void run();
  std::string to_json() const;

 private:
  struct Pair {
    TokenId left, right;
    auto operator<=>(const Pair&) const = default;
  };
  struct PairHash {
    size_t operator()(const Pair& pair) const {
      return std::hash<uint64_t>{}(static_cast<uint64_t>(pair.left) << 32 | static_cast<uint32_t>(pair.right));
    }
  };
  struct PairStats {
    int64_t count = 0;
    std::vector<int> words;  // where it has been seen: may repeat a word, or name one it has left
  };
  struct HeapEntry {
    int64_t count;
    Pair pair;
  };

  TokenId add_token(const std::string& text);
  void change_count(Pair pair, int64_t change, int word);
  void merge_in_word(int word, Pair pair, TokenId merged);
  void push(Pair pair, int64_t count);
  void push_touched();
  bool is_less_urgent(const HeapEntry& a, const HeapEntry& b) const;

  const BpeTrainerOptions& options_;
  std::vector<std::string> tokens_;
  TokenIndex ids_;
  std::vector<Pair> merges_;
  std::vector<CountedWord> words_;
  std::unordered_map<Pair, PairStats, PairHash> pairs_;
  std::vector<HeapEntry> heap_;
  std::vector<Pair> touched_;  // pairs whose count grew in the current merge
};

Trainer::Trainer(const DocumentSource& documents, const BpeTrainerOptions& options) : options_(options) {
  std::array<char32_t, kBytes> alphabet = byte_alphabet();
  std::sort(alphabet.begin(), alphabet.end());
  for (const char32_t code : alphabet) {
    std::string text;
    append_utf8(code, text);
    add_token(text);
  }
  for (const auto& [text, count] : count_words(documents)) {
    CountedWord word{{}, count};
    for (size_t at = 0; at < text.size();) {
      const size_t length = decode_utf8(text, at).length;
      word.symbols.push_back(ids_.find(std::string_view(text).substr(at, length))->second);
      at += length;
    }
    words_.push_back(std::move(word));
  }
}

TokenId Trainer::add_token(const std::string& text) {
  const auto [entry, is_new] = ids_.emplace(text, static_cast<TokenId>(tokens_.size()));
  if (is_new) tokens_.push_back(text);
  return entry->second;
}

bool Trainer::is_less_urgent(const HeapEntry& a, const HeapEntry& b) const {
  if (a.count != b.count) return a.count < b.count;
  if (a.pair.left != b.pair.left) return tokens_[a.pair.left] > tokens_[b.pair.left];
  return tokens_[a.pair.right] > tokens_[b.pair.right];
}

void Trainer::push(Pair pair, int64_t count) {
  if (count < options_.min_frequency) return;
  heap_.push_back({count, pair});
  std::push_heap(heap_.begin(), heap_.end(), [&](const auto& a, const auto& b) { return is_less_urgent(a, b); });
}

void Trainer::change_count(Pair pair, int64_t change, int word) {
  PairStats& stats = pairs_[pair];
  stats.count += change;
  if (change > 0) {
    if (stats.words.empty() || stats.words.back() != word) stats.words.push_back(word);
    touched_.push_back(pair);
  }
}

// Replaces each `pair` in the word, left to right, and accounts for the neighbours that change with it.
void Trainer::merge_in_word(int word, Pair pair, TokenId merged) {
  std::vector<TokenId>& symbols = words_[word].symbols;
  const int64_t count = words_[word].count;
  size_t kept = 0;
  for (size_t i = 0; i < symbols.size(); ++i) {
    if (i + 1 == symbols.size() || symbols[i] != pair.left || symbols[i + 1] != pair.right) {
      symbols[kept++] = symbols[i];
      continue;
    }
    if (kept > 0) {
      change_count({symbols[kept - 1], pair.left}, -count, word);
      change_count({symbols[kept - 1], merged}, count, word);
    }
    if (i + 2 < symbols.size()) {
      change_count({pair.right, symbols[i + 2]}, -count, word);
      change_count({merged, symbols[i + 2]}, count, word);
    }
    symbols[kept++] = merged;
    ++i;
  }
  symbols.resize(kept);
}

void Trainer::push_touched() {
  std::sort(touched_.begin(), touched_.end());
  touched_.erase(std::unique(touched_.begin(), touched_.end()), touched_.end());
  for (const Pair& pair : touched_) {
    if (const auto found = pairs_.find(pair); found != pairs_.end()) push(pair, found->second.count);
  }
  touched_.clear();
}

void Trainer::run() {
  for (size_t w = 0; w < words_.size(); ++w) {
    const CountedWord& word = words_[w];
    for (size_t i = 0; i + 1 < word.symbols.size(); ++i) {
      change_count({word.symbols[i], word.symbols[i + 1]}, word.count, static_cast<int>(w));
    }
  }
  push_touched();

  const size_t target = static_cast<size_t>(options_.vocab_size) - options_.special_tokens.size();
  const auto less_urgent = [&](const auto& a, const auto& b) { return is_less_urgent(a, b); };
  while (tokens_.size() < target && !heap_.empty()) {
    std::pop_heap(heap_.begin(), heap_.end(), less_urgent);
    const HeapEntry best = heap_.back();
    heap_.pop_back();
    const auto found = pairs_.find(best.pair);
    if (found == pairs_.end()) continue;
    if (found->second.count != best.count) {  // has changed since it was pushed
      if (found->second.count < best.count) push(best.pair, found->second.count);
      continue;
    }
    const std::string text = tokens_[best.pair.left] + tokens_[best.pair.right];
    const std::vector<int> where = std::move(found->second.words);
    pairs_.erase(found);
    if (std::find(options_.special_tokens.begin(), options_.special_tokens.end(), text) !=
        options_.special_tokens.end())
      continue;
    const TokenId merged = add_token(text);
    merges_.push_back(best.pair);
    for (const int word : where) merge_in_word(word, best.pair, merged);
    pairs_.erase(best.pair);  // what the bookkeeping of overlapping occurrences left behind
    push_touched();
  }
}

std::string Trainer::to_json() const {
  Json vocab = Json::object(), merges = Json::array(), added = Json::array();
  Json::object_t::Container& entries = vocab.get_ref<Json::object_t&>();  // appended to: no search for equal keys
  for (const std::string& token : tokens_) entries.emplace_back(token, entries.size());
  for (const Pair& pair : merges_) merges.push_back(tokens_[pair.left] + " " + tokens_[pair.right]);
  for (const std::string& special : options_.special_tokens) {
    added.push_back({{"id", tokens_.size() + added.size()},
                     {"content", special},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  }
  const Json byte_level = {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  const Json digits = {{"type", "Digits"}, {"individual_digits", true}};
  const Json root = {{"version", "1.0"},
                     {"truncation", nullptr},
                     {"padding", nullptr},
                     {"added_tokens", added},
                     {"normalizer", nullptr},
                     {"pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", Json::array({digits, byte_level})}}},
                     {"post_processor", nullptr},
                     {"decoder", byte_level},
                     {"model",
                      {{"type", "BPE"},
                       {"dropout", nullptr},
                       {"unk_token", nullptr},
                       {"continuing_subword_prefix", nullptr},
                       {"end_of_word_suffix", nullptr},
                       {"fuse_unk", false},
                       {"byte_fallback", false},
                       {"ignore_merges", false},
                       {"vocab", vocab},
                       {"merges", merges}}}};
  return root.dump(1) + "\n";
}

void check_options(const BpeTrainerOptions& options) {
  const size_t specials = options.special_tokens.size();
  if (options.vocab_size < 0 || static_cast<size_t>(options.vocab_size) < kBytes + specials) {
    throw error(ErrorKind::kInvalidArgument,
                "a vocabulary of {} is too small: {} bytes and {} special tokens must fit in", options.vocab_size,
                kBytes, specials);
  }
  std::vector<std::string> sorted = options.special_tokens;
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end()) throw error(ErrorKind::kInvalidArgument, "special token '{}' is given twice", *twice);
  for (const std::string& special : sorted) {
    if (special.size() < 2 || !is_valid_utf8(special)) {
      throw error(ErrorKind::kInvalidArgument, "special token '{}' must be valid text of two bytes or more",
                  printable(special, 60));
    }
  }
}

}  // namespace

std::string train_bpe(const DocumentSource& documents, const BpeTrainerOptions& options) {
  check_options(options);
  Trainer trainer(documents, options);
  trainer.run();
  return trainer.to_json();
}

}  // namespace pent
