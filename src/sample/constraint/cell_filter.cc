// Sets of states are few and come again: what a token or an undecided cell makes of one is computed once.
#include "sample/constraint/cell_filter.h"

#include <algorithm>
#include <bit>

#include "base/error.h"

namespace pent {
namespace {

constexpr int32_t kUndecided = -1;
constexpr size_t kKeptTokenSets = 512;

uint64_t key_of(int32_t set, int32_t token) {
  return static_cast<uint64_t>(static_cast<uint32_t>(set)) << 32 | static_cast<uint32_t>(token);
}

void add(TokenSet& set, int32_t token) { set[static_cast<size_t>(token) / 64] |= uint64_t{1} << (token % 64); }

}  // namespace

size_t LanguageCells::HashStates::operator()(const States& states) const {
  uint64_t hash = 0xCBF29CE484222325u;
  for (const uint64_t word : states) hash = std::rotl((hash ^ word) * 0x9E3779B97F4A7C15u, 29);
  return hash;
}

template <typename Visit>
void LanguageCells::for_each(SetId set, const Visit& visit) const {
  const States& states = *sets_[static_cast<size_t>(set)];
  for (size_t word = 0; word < states.size(); ++word)
    for (uint64_t bits = states[word]; bits != 0; bits &= bits - 1)
      visit(static_cast<int32_t>(word * 64 + static_cast<size_t>(std::countr_zero(bits))));
}

LanguageCells::LanguageCells(const CellRule& rule, const Canvas& canvas)
    : language_(rule.language), begin_(rule.begin) {
  for (int32_t cell = rule.begin; cell < rule.end; ++cell) {
    const bool decided = cell < canvas.size() && canvas[cell].state != CellState::kMasked;
    tokens_.push_back(decided ? canvas[cell].token : kUndecided);
  }
  const auto words = static_cast<size_t>(language_->size() + 63) / 64;
  States start(words), accepting(words);
  start[0] = 1;
  for (int32_t state = 0; state < language_->size(); ++state)
    if (language_->accepts(state)) accepting[static_cast<size_t>(state) / 64] |= uint64_t{1} << (state % 64);
  left_.push_back(intern(std::move(start)));
  for (const int32_t token : tokens_) left_.push_back(forward(left_.back(), token));
  right_.assign(left_.size(), intern(std::move(accepting)));
  for (size_t cell = tokens_.size(); cell-- > 0;) right_[cell] = backward(right_[cell + 1], tokens_[cell]);
  refuse_if_incompletable();
}

void LanguageCells::refuse_if_incompletable() const {
  if (is_member(right_[0], language_->start())) return;
  const auto count = static_cast<int>(tokens_.size());
  const auto undecided = static_cast<int>(std::count(tokens_.begin(), tokens_.end(), kUndecided));
  if (undecided < count)
    throw error(
        ErrorKind::kInvalidArgument,
        "{}: no {} tokens in the holes make a text that matches it; the text around them contradicts it, or the holes "
        "are too short or too long",
        language_->what(), undecided);
  if (count < language_->shortest())
    throw error(ErrorKind::kInvalidArgument,
                "{}: the shortest text that matches it has {} tokens, and there is room for {}", language_->what(),
                language_->shortest(), count);
  throw error(ErrorKind::kInvalidArgument, "{}: no text of exactly {} tokens matches it", language_->what(), count);
}

LanguageCells::SetId LanguageCells::intern(States states) {
  const auto [place, is_new] = ids_.try_emplace(std::move(states), static_cast<SetId>(sets_.size()));
  if (is_new) sets_.push_back(&place->first);
  return place->second;
}

LanguageCells::SetId LanguageCells::forward(SetId set, int32_t token) {
  const auto [place, is_new] = forward_.try_emplace(key_of(set, token));
  if (!is_new) return place->second;
  States after(sets_[static_cast<size_t>(set)]->size());
  const auto reach = [&](int32_t state) { after[static_cast<size_t>(state) / 64] |= uint64_t{1} << (state % 64); };
  for_each(set, [&](int32_t state) {
    if (token == kUndecided) {
      for (const TokenAutomaton::Edge& edge : language_->edges(state)) reach(edge.target);
    } else if (const int32_t next = language_->next(state, token); next >= 0) {
      reach(next);
    }
  });
  return place->second = intern(std::move(after));
}

LanguageCells::SetId LanguageCells::backward(SetId set, int32_t token) {
  const auto [place, is_new] = backward_.try_emplace(key_of(set, token));
  if (!is_new) return place->second;
  States before(sets_[static_cast<size_t>(set)]->size());
  for (int32_t state = 0; state < language_->size(); ++state) {
    bool leads = false;
    if (token == kUndecided) {
      const auto edges = language_->edges(state);
      leads = std::any_of(edges.begin(), edges.end(), [&](const auto& edge) { return is_member(set, edge.target); });
    } else if (const int32_t next = language_->next(state, token); next >= 0) {
      leads = is_member(set, next);
    }
    if (leads) before[static_cast<size_t>(state) / 64] |= uint64_t{1} << (state % 64);
  }
  return place->second = intern(std::move(before));
}

bool LanguageCells::fits(int32_t cell, int32_t token) const {
  bool found = false;
  for_each(left_[index(cell)], [&](int32_t state) {
    if (found) return;
    const int32_t next = language_->next(state, token);
    found = next >= 0 && is_member(right_[index(cell) + 1], next);
  });
  return found;
}

std::shared_ptr<const TokenSet> LanguageCells::allowed(int32_t cell) {
  const SetId left = left_[index(cell)], right = right_[index(cell) + 1];
  if (allowed_.size() >= kKeptTokenSets) allowed_.clear();
  std::shared_ptr<const TokenSet>& kept = allowed_[{left, right}];
  if (kept) return kept;
  TokenSet tokens(static_cast<size_t>(language_->vocab_size() + 63) / 64);
  std::vector<bool> added(static_cast<size_t>(language_->set_count()));
  for_each(left, [&](int32_t state) {
    for (const TokenAutomaton::Edge& edge : language_->edges(state)) {
      if (added[static_cast<size_t>(edge.tokens)] || !is_member(right, edge.target)) continue;
      added[static_cast<size_t>(edge.tokens)] = true;
      for (const int32_t token : language_->tokens(edge.tokens)) add(tokens, token);
    }
  });
  return kept = std::make_shared<const TokenSet>(std::move(tokens));
}

void LanguageCells::set(int32_t cell, int32_t token) {
  PENT_CHECK(token == kUndecided || fits(cell, token), "token {} in cell {}", token, cell);
  tokens_[index(cell)] = token;
  for (size_t i = index(cell); i < tokens_.size(); ++i) {
    const SetId after = forward(left_[i], tokens_[i]);
    if (after == left_[i + 1]) break;
    left_[i + 1] = after;
  }
  for (size_t i = index(cell) + 1; i-- > 0;) {
    const SetId before = backward(right_[i + 1], tokens_[i]);
    if (before == right_[i]) break;
    right_[i] = before;
  }
}

CellFilter::CellFilter(const std::vector<CellRule>& rules, const Canvas& canvas) : rules_(rules) {
  for (const CellRule& rule : rules_)
    languages_.push_back(rule.language ? std::make_unique<LanguageCells>(rule, canvas) : nullptr);
}

bool CellFilter::has_language() const {
  return std::any_of(rules_.begin(), rules_.end(), [](const CellRule& rule) { return rule.language != nullptr; });
}

const CellRule* CellFilter::rule_of(int32_t cell) const {
  for (const CellRule& rule : rules_)
    if (rule.begin <= cell && cell < rule.end) return &rule;
  return nullptr;
}

std::shared_ptr<const TokenSet> CellFilter::allowed(int32_t cell) {
  const CellRule* rule = rule_of(cell);
  if (rule == nullptr) return nullptr;
  LanguageCells* language = languages_[static_cast<size_t>(rule - rules_.data())].get();
  return language != nullptr ? language->allowed(cell) : rule->tokens;
}

bool CellFilter::fits(int32_t cell, int32_t token) const {
  const CellRule* rule = rule_of(cell);
  if (rule == nullptr) return true;
  const LanguageCells* language = languages_[static_cast<size_t>(rule - rules_.data())].get();
  return language != nullptr ? language->fits(cell, token) : contains(*rule->tokens, token);
}

void CellFilter::decide(int32_t cell, int32_t token) {
  const CellRule* rule = rule_of(cell);
  if (rule == nullptr || !rule->language) return;
  languages_[static_cast<size_t>(rule - rules_.data())]->set(cell, token);
}

void CellFilter::reopen(int32_t cell) { decide(cell, kUndecided); }

void CellFilter::move(int32_t from, int32_t by) {
  for (size_t i = 0; i < rules_.size(); ++i) {
    CellRule& rule = rules_[i];
    if (rule.begin < from) continue;
    rule.begin += by;
    rule.end += by;
    if (languages_[i]) languages_[i]->move(by);
  }
}

}  // namespace pent
