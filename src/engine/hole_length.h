// How long the holes of a request are, found before they are written.
#pragma once

#include <functional>
#include <vector>

#include "engine/request_canvas.h"

namespace pent {

struct FoundLengths {
  std::vector<int> lengths;
  int nfe = 0;
  int64_t rows = 0;
};

// Hole after hole by search_length() (sample/length_search.h), the others as long as found or, so far, as searched from. The
// confidence of a length is the mean over the hole's masks of the largest probability among the tokens that may stand there, divided
// by what it is whatever the text: the curve fitted to the model, or where it has none, the same with all that is given masked too.
// Lengths that a language of the whole cannot have are no candidates; throws kInvalidArgument where none is left. Where the model finds
// lengths itself while it writes, each is the preset's first one, at no cost. At most max_forwards forwards, none once `stop` says so.
FoundLengths find_lengths(Model& model, const CanvasMaker& maker, int max_forwards, const std::function<bool()>& stop);

}  // namespace pent
