// Which tokens the cells of a canvas may get, in whatever order they are decided: the part "constrain" of a sampler.
//
// For cells that together spell a text of a language, the states that an automaton can be in are kept at every border between cells:
// reached from the left, and from where the right can still be completed. An undecided cell stands for every token. A token fits a
// cell if it leads from one of the left border's states to one of the right border's; so as long as only such tokens are decided, one
// at a time, there is always a completion, and the canvas ends as a text of the language. For regular languages this refuses nothing
// that could be completed. It is the automaton product of DINGO (arXiv:2505.23061; spec 20 §19.2) as reachability in both directions.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "model/pass_plan.h"
#include "sample/canvas.h"
#include "sample/constraint/token_automaton.h"

namespace pent {

// What holds for the cells [begin, end) of a canvas.
struct CellRule {
  int32_t begin = 0;
  int32_t end = 0;
  std::shared_ptr<const TokenAutomaton> language;  // all of them together are a text of it, fixed ones included …
  std::shared_ptr<const TokenSet> tokens;          // … or, where it is null, each is one of these
};

// The borders of one language's cells.
class LanguageCells {
 public:
  // The canvas' cells from rule.begin on; those behind its end will be appended, and are undecided. Throws kInvalidArgument where
  // what is fixed cannot be completed.
  LanguageCells(const CellRule& rule, const Canvas& canvas);

  bool fits(int32_t cell, int32_t token) const;
  std::shared_ptr<const TokenSet> allowed(int32_t cell);
  // token -1: undecided again. PENT_CHECK: it fits.
  void set(int32_t cell, int32_t token);
  void move(int32_t by) { begin_ += by; }

 private:
  using States = std::vector<uint64_t>;  // a bit for each
  using SetId = int32_t;                 // equal sets have one id
  struct HashStates {
    size_t operator()(const States& states) const;
  };

  size_t index(int32_t cell) const { return static_cast<size_t>(cell - begin_); }
  bool is_member(SetId set, int32_t state) const {
    return ((*sets_[static_cast<size_t>(set)])[static_cast<size_t>(state) / 64] >> (state % 64) & 1) != 0;
  }
  template <typename Visit>
  void for_each(SetId set, const Visit& visit) const;
  SetId intern(States states);
  SetId forward(SetId set, int32_t token);
  SetId backward(SetId set, int32_t token);
  void refuse_if_incompletable() const;

  std::shared_ptr<const TokenAutomaton> language_;
  int32_t begin_;
  std::vector<int32_t> tokens_;      // of the cells; -1: undecided
  std::vector<SetId> left_, right_;  // one more than cells

  std::unordered_map<States, SetId, HashStates> ids_;
  std::vector<const States*> sets_;
  std::unordered_map<uint64_t, SetId> forward_, backward_;  // of (set, token)
  std::map<std::pair<SetId, SetId>, std::shared_ptr<const TokenSet>> allowed_;
};

class CellFilter {
 public:
  CellFilter(const std::vector<CellRule>& rules, const Canvas& canvas);

  bool empty() const { return rules_.empty(); }
  bool has_language() const;  // only then what one cell may get depends on others
  // Null: any token.
  std::shared_ptr<const TokenSet> allowed(int32_t cell);
  bool fits(int32_t cell, int32_t token) const;
  void decide(int32_t cell, int32_t token);
  void reopen(int32_t cell);
  // Cells from `from` on, where a rule begins or none is, stand `by` cells further.
  void move(int32_t from, int32_t by);
  const std::vector<CellRule>& rules() const { return rules_; }

 private:
  const CellRule* rule_of(int32_t cell) const;

  std::vector<CellRule> rules_;
  std::vector<std::unique_ptr<LanguageCells>> languages_;  // by rule; null where it has none
};

}  // namespace pent
