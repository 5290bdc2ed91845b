// From a text to a request with a draft.
#include "engine/edit.h"

#include "base/error.h"

namespace pent {
namespace {

bool is_inside_character(const std::string& text, size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
}

}  // namespace

Request make_edit(const std::string& text, const EditOptions& edit, const GenerationOptions& options) {
  if (text.empty()) throw error(ErrorKind::kInvalidArgument, "the text is empty: there is nothing to edit");
  const ByteRange range = edit.redo.value_or(ByteRange{0, text.size()});
  PENT_CHECK(range.begin < range.end && range.end <= text.size(), "bytes {} to {} of {}", range.begin, range.end,
             text.size());
  for (const size_t at : {range.begin, range.end})
    if (is_inside_character(text, at))
      throw error(ErrorKind::kInvalidArgument, "--redo {}:{} cuts a character in two at byte {}", range.begin,
                  range.end, at);
  if (edit.strength && !(*edit.strength >= 0 && *edit.strength <= 1))
    throw error(ErrorKind::kInvalidArgument, "--strength is {}; expected 0 to 1", *edit.strength);
  Request request{.messages = {}, .prompt = {}, .canvas = {}, .choice_logprobs = false, .options = options};
  if (!edit.instruction.empty()) request.messages = {{"user", edit.instruction + "\n\n" + text}};
  const auto add_text = [&](size_t begin, size_t end) {
    if (begin < end) request.canvas.push_back({.text = text.substr(begin, end - begin), .hole = {}});
  };
  Hole hole{.draft = text.substr(range.begin, range.end - range.begin), .strength = edit.strength};
  if (edit.redo && !edit.strength) hole.strength = 1;
  add_text(0, range.begin);
  request.canvas.push_back({.text = {}, .hole = std::move(hole)});
  add_text(range.end, text.size());
  check_canvas(request.canvas);
  return request;
}

}  // namespace pent
