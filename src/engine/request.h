// What is asked of a model, as one object (spec 44 §13): verbs and endpoints make a Request, and answer() does what it says.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/constraint.h"
#include "sample/options.h"
#include "text/chat_template.h"

namespace pent {

inline constexpr int kMaxHoleTokens = 1 << 20;
inline constexpr int kFreeHoleTokens = 64;  // a hole of free length has as many at most (CAL, arXiv:2602.00476)

// Cells to be written, within text that stays.
struct Hole {
  std::string name;    // "1", "2", … by its place among the holes where none was given
  int min_tokens = 0;  // both 0: as many as the constraint or the draft takes
  int max_tokens = 0;
  std::optional<Constraint> constraint;
  std::string draft;               // what stands there: soft cells, of which some are written anew …
  std::optional<double> strength;  // … this share of them, the least probable; unset: those the model doubts
  double priority = 0;             // holes of a higher one are finished first

  bool operator==(const Hole&) const = default;
};

// A piece of the canvas: text that stays as it is, or a hole.
struct Segment {
  std::string text;
  std::optional<Hole> hole;

  bool operator==(const Segment&) const = default;
};

struct Request {
  std::vector<ChatMessage> messages;  // the conversation; or, where it is empty …
  std::string prompt;                 // … text before the canvas, as it is
  Json tools = nullptr;               // functions that the chat template tells the model of (parse_tools()), or null
  std::vector<Segment> canvas;        // empty: an answer from where the prompt ends to where the model ends it
  bool choice_logprobs =
      false;  // also say how probable each text of a choice is, at the cost of a forward for each such hole
  GenerationOptions options;  // budget, seed and decoder; a language there is the whole canvas'

  bool operator==(const Request&) const = default;
};

// Names holes that have none by their place, "1", "2", …. Throws kInvalidArgument for a canvas without a hole, a name that is no name
// (letters, digits, _ and -, beginning with a letter) or is used twice, and lengths, strengths and priorities that make no sense.
void check_canvas(std::vector<Segment>& canvas);

}  // namespace pent
