// Real texts that no model has seen, and the sentences they are made of.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pent {

struct HeldOutText {
  std::string prompt;
  std::string text;       // ends with a whole sentence
  bool is_story = false;  // the prompt asks for a story or a tale
};

// JSON lines {prompt, text, finish}; texts cut off in the middle (finish "length") are trimmed to their last full sentence,
// and left out when they have none. Throws kCorrupt naming WHERE:LINE.
std::vector<HeldOutText> parse_heldout(std::string_view lines, const std::string& where);

// The sentences of a text: together they are the text. Each begins with the space before it and ends with . ! or ? and the
// quotes or brackets that close there; what follows the last such end is a sentence of its own.
std::vector<std::string> split_sentences(std::string_view text);

}  // namespace pent
