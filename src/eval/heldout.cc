// Reading held-out texts and cutting them into sentences.
#include "eval/heldout.h"

#include <algorithm>

#include "base/error.h"
#include "base/json.h"

namespace pent {
namespace {

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

// If a sentence ends with the character at `position`, the position behind it and what closes with it; else 0.
size_t sentence_end(std::string_view text, size_t position) {
  if (text[position] != '.' && text[position] != '!' && text[position] != '?') return 0;
  size_t end = position + 1;
  for (bool closing = true; closing;) {
    closing = false;
    for (const std::string_view mark : {".", "!", "?", "\"", "'", ")", "*", "\u201D", "\u2019"}) {
      if (!text.substr(end).starts_with(mark)) continue;
      end += mark.size();
      closing = true;
    }
  }
  return end == text.size() || is_space(text[end]) ? end : 0;
}

}  // namespace

std::vector<std::string> split_sentences(std::string_view text) {
  std::vector<std::string> sentences;
  size_t begin = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const size_t end = sentence_end(text, i);
    if (end == 0) continue;
    sentences.emplace_back(text.substr(begin, end - begin));
    begin = end;
    i = end - 1;
  }
  if (begin < text.size()) sentences.emplace_back(text.substr(begin));
  return sentences;
}

std::vector<HeldOutText> parse_heldout(std::string_view lines, const std::string& where) {
  std::vector<HeldOutText> texts;
  for (size_t begin = 0, line = 1; begin < lines.size(); ++line) {
    const size_t end = std::min(lines.find('\n', begin), lines.size());
    if (end > begin) {
      const std::string at = fmt::format("{}:{}", where, line);
      const Json json = parse_json(lines.substr(begin, end - begin), at, 8);
      HeldOutText text{.prompt = get_required_string(json, "prompt", at),
                       .text = get_required_string(json, "text", at)};
      text.is_story = text.prompt.find("story") != std::string::npos || text.prompt.find("tale") != std::string::npos;
      if (get_string(json, "finish", at).value_or("stop") == "length") {
        std::vector<std::string> sentences = split_sentences(text.text);
        if (!sentences.empty()) sentences.pop_back();  // the one that was cut off, or one too many
        text.text.clear();
        for (const std::string& sentence : sentences) text.text += sentence;
      }
      if (!text.text.empty()) texts.push_back(std::move(text));
    }
    begin = end + 1;
  }
  return texts;
}

}  // namespace pent
