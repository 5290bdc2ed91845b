// A given text to be revised, as a request (spec 44 §5): its words are soft cells.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "engine/request.h"

namespace pent {

struct ByteRange {
  size_t begin = 0, end = 0;
};

struct EditOptions {
  std::optional<ByteRange> redo;   // of the text; the rest stays. Not empty, within it
  std::optional<double> strength;  // unset: with a range 1, else what the model doubts
  std::string instruction;         // asked of the model before the text, with the text
};

// Throws kInvalidArgument for an empty text, a range that cuts a character in two, and a strength that is none.
Request make_edit(const std::string& text, const EditOptions& edit, const GenerationOptions& options);

}  // namespace pent
