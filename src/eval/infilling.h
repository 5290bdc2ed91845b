// Does a filling fit better than any sentence would? Held-out texts with one sentence cut out, filled by the model and by a
// random sentence of the same length from another text; the judge says which whole it finds likelier.
#pragma once

#include <string>
#include <vector>

#include "eval/heldout.h"
#include "text/tokenizer.h"

namespace pent {

struct InfillingTask {
  std::string before, after;  // the text around the hole
  std::string original;       // the sentence that was cut out
  std::string random;         // a sentence of another text, as near in length as there is
  int hole_tokens = 0;        // length of the original
  bool is_story = false;

  std::string with(const std::string& sentence) const { return before + sentence + after; }
  std::string fill_template() const;  // for fill(): literals escaped
};

// Tasks from the texts with at least three sentences, stories first, at most `count`. Texts longer than max_tokens lose
// sentences at the end; the hole is the sentence at `hole_at` (0: the first, 0.5: the middle one) of what is left. The random
// sentence is drawn by `seed` among those of other texts whose length in tokens is nearest.
std::vector<InfillingTask> make_infilling_tasks(const std::vector<HeldOutText>& texts, const Tokenizer& tokenizer,
                                                int max_tokens, int count, double hole_at, uint64_t seed);

}  // namespace pent
