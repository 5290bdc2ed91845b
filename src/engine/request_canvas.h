// From a request's canvas to cells: literals are fixed, holes masked, drafts soft.
// Literals are tokenised piece by piece; a word that runs across the border of a hole is therefore two tokens at least.
// Vocabularies keep a word and the blank before it in one token, and a blank of its own promises a digit. So the blank with which
// a literal ends at a hole is left to the hole, whose first token must then begin with one.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/model.h"
#include "engine/request.h"
#include "sample/canvas.h"
#include "sample/constraint/cell_filter.h"
#include "sample/dreamon.h"

namespace pent {

struct HoleCells {
  int32_t begin = 0, end = 0;
  bool writes_blank = false;  // its first token must bring the blank that the literal before it lent
  bool opens = false;         // no text before it
};

struct RequestCanvas {
  Canvas canvas;
  std::vector<HoleCells> holes;  // in order
  std::vector<CellRule> rules;
  std::vector<ElasticCells> elastic;  // the holes whose lengths the model finds while it writes
  int hole_tokens = 0;
};

class CanvasMaker {
 public:
  // Tokenises and compiles; throws what that throws. `request` outlives this.
  CanvasMaker(Model& model, const Request& request);

  // Of each hole how many cells it may have: equal where that is settled.
  struct Range {
    int least = 0, most = 0;
  };
  const std::vector<Range>& ranges() const { return ranges_; }
  // Whether holes of no settled length begin with some cells, of which the model makes as many as it needs (sample/dreamon.h).
  bool elastic() const { return elastic_; }
  // Of a hole with choices their tokens there, each not empty; a text that is empty has none.
  std::vector<std::vector<TokenId>> choice_tokens(const Hole& hole, const HoleCells& cells) const;
  const std::shared_ptr<const TokenSet>& text_set() const { return text_; }
  // A canvas with so many cells for each hole. Throws kInvalidArgument where the holes have more than the context.
  RequestCanvas make(std::span<const int> lengths) const;

 private:
  struct Piece {
    std::vector<TokenId> tokens;  // of a literal or a draft
    const Hole* hole = nullptr;
    std::shared_ptr<const TokenAutomaton> language;
    bool writes_blank = false;
    bool opens = false;
  };

  std::vector<TokenId> encoded(const std::string& text, bool opens) const;  // as a part of the whole text
  void add_hole(const Hole& hole, bool writes_blank, bool opens);

  Model& model_;
  std::optional<Constraint> whole_;
  bool elastic_ = false;
  std::shared_ptr<const TokenAutomaton> whole_language_;
  std::vector<TokenId> opening_;
  std::vector<Piece> pieces_;
  std::vector<Range> ranges_;
  std::shared_ptr<const TokenSet> text_, behind_blank_;  // behind_blank_: null where the vocabulary has no such words
};

}  // namespace pent
