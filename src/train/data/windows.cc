// Building an epoch's windows (data/windows.h). All choices are Philox draws keyed by (seed, epoch, source, example).
#include "train/data/windows.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/random.h"

namespace pent::train {
namespace {

// The choices made for one example of one epoch.
enum Choice : uint32_t { kRepeat, kDropPrompt, kPadding, kOffset, kShuffle };

double choose(uint64_t seed, uint32_t epoch, size_t source, size_t item, Choice choice) {
  return draw_uniform({.seed = seed,
                       .n_index = static_cast<uint32_t>(source),
                       .step = epoch,
                       .cell = static_cast<uint32_t>(item),
                       .purpose = DrawPurpose::kData,
                       .index = choice});
}

// Fisher-Yates.
template <typename T>
void shuffle(std::vector<T>& items, uint64_t seed, uint32_t epoch, Choice choice) {
  for (size_t i = items.size(); i > 1; --i)
    std::swap(items[i - 1],
              items[static_cast<size_t>(choose(seed, epoch, 0xffff, i, choice) * static_cast<double>(i))]);
}

Window make_example(const TokenSource::Example& example, const SpecialTokens& special, const WindowRules& rules,
                    bool with_prompt, double padding) {
  Window window;
  auto& tokens = window.tokens;
  tokens.push_back(special.bos);
  if (with_prompt && !example.prompt.empty()) {
    tokens.push_back(special.user);
    tokens.insert(tokens.end(), example.prompt.begin(), example.prompt.end());
    tokens.push_back(special.assistant);
  }
  window.loss_begin = static_cast<int32_t>(tokens.size());
  const auto room = static_cast<int64_t>(rules.context) - static_cast<int64_t>(tokens.size());
  if (room < 2) return {};
  auto size = static_cast<int64_t>(example.answer.size());
  if (size >= room) {
    const auto after = std::upper_bound(example.sentence_ends.begin(), example.sentence_ends.end(), room - 1);
    size = after == example.sentence_ends.begin() ? room - 1 : *std::prev(after);
  }
  tokens.insert(tokens.end(), example.answer.begin(), example.answer.begin() + size);
  const auto extra = rules.pad_in_loss ? static_cast<int64_t>(padding * static_cast<double>(room - size)) : 0;
  tokens.insert(tokens.end(), static_cast<size_t>(1 + extra), special.eos);
  return window;
}

void add_examples(const TokenSource& source, size_t index, const SpecialTokens& special, const WindowRules& rules,
                  uint32_t epoch, std::vector<Window>& out) {
  const double whole = std::floor(source.recipe.weight), rest = source.recipe.weight - whole;
  for (size_t i = 0; i < source.examples.size(); ++i) {
    auto pick = [&](Choice choice) { return choose(rules.seed, epoch, index, i, choice); };
    const int copies = static_cast<int>(whole) + (pick(kRepeat) < rest ? 1 : 0);
    for (int copy = 0; copy < copies; ++copy) {
      Window window = make_example(source.examples[i], special, rules, pick(kDropPrompt) >= source.recipe.drop_prompt,
                                   pick(kPadding));
      if (!window.tokens.empty()) out.push_back(std::move(window));
    }
  }
}

void add_packed(const TokenSource& source, size_t index, const SpecialTokens& special, const WindowRules& rules,
                uint32_t epoch, std::vector<Window>& out) {
  std::vector<TokenId> stream;
  for (const auto& example : source.examples) {
    stream.insert(stream.end(), example.answer.begin(), example.answer.end());
    stream.push_back(special.eos);
  }
  const int64_t span = rules.context - 1;
  const auto offset = static_cast<int64_t>(choose(rules.seed, epoch, index, 0, kOffset) * static_cast<double>(span));
  const double whole = std::floor(source.recipe.weight), rest = source.recipe.weight - whole;
  for (int64_t begin = -offset, i = 0; begin < static_cast<int64_t>(stream.size()); begin += span, ++i) {
    const int copies =
        static_cast<int>(whole) + (choose(rules.seed, epoch, index, static_cast<size_t>(i), kRepeat) < rest ? 1 : 0);
    const int64_t from = std::max<int64_t>(begin, 0),
                  to = std::min<int64_t>(begin + span, static_cast<int64_t>(stream.size()));
    if (to - from < 8) continue;
    Window window;
    window.loss_begin = 1;
    window.tokens.push_back(special.bos);
    window.tokens.insert(window.tokens.end(), stream.begin() + from, stream.begin() + to);
    for (int copy = 0; copy < copies; ++copy) out.push_back(window);
  }
}

}  // namespace

const std::vector<std::string>& SpecialTokens::names() {
  static const std::vector<std::string> kNames = {"<|endoftext|>", "<|startoftext|>", "<|user|>", "<|assistant|>",
                                                  "<|mask|>"};
  return kNames;
}

SpecialTokens SpecialTokens::find(const Tokenizer& tokenizer, const std::string& where) {
  std::vector<TokenId> ids;
  for (const std::string& name : names()) {
    const auto id = tokenizer.find(name);
    if (!id) throw error(ErrorKind::kInvalidArgument, "{}: the vocabulary has no token {}", where, name);
    ids.push_back(*id);
  }
  return {ids[0], ids[1], ids[2], ids[3], ids[4]};
}

TokenSource tokenize_source(const SourceRecipe& recipe, const std::vector<Document>& documents,
                            const Tokenizer& tokenizer) {
  TokenSource source{.recipe = recipe, .examples = {}, .tokens = 0};
  source.examples.reserve(documents.size());
  for (const Document& document : documents) {
    TokenSource::Example example;
    if (!document.prompt.empty()) example.prompt = tokenizer.encode(document.prompt);
    example.answer = tokenizer.encode(document.text);
    int32_t length = 0;
    std::string_view before;
    for (const TokenId id : example.answer) {
      // A sentence may end before a token that starts with a space or line break, after one that ends it.
      const std::string_view bytes = tokenizer.token_bytes(id);
      if (!bytes.empty() && (bytes[0] == ' ' || bytes[0] == '\n') && last_sentence_end(before) == before.size() &&
          !before.empty())
        example.sentence_ends.push_back(length);
      before = bytes;
      ++length;
    }
    source.tokens += length;
    source.examples.push_back(std::move(example));
  }
  return source;
}

std::vector<Window> make_epoch(const std::vector<TokenSource>& sources, const SpecialTokens& special,
                               const WindowRules& rules, uint32_t epoch) {
  std::vector<Window> windows;
  for (size_t i = 0; i < sources.size(); ++i) {
    if (sources[i].recipe.window == "packed") {
      add_packed(sources[i], i, special, rules, epoch, windows);
    } else {
      add_examples(sources[i], i, special, rules, epoch, windows);
    }
  }
  if (windows.empty())
    throw error(ErrorKind::kInvalidArgument, "no window of {} tokens can be made from this data", rules.context);
  shuffle(windows, rules.seed, epoch, kShuffle);
  return windows;
}

}  // namespace pent::train
