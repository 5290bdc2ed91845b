// Chat templates: the Jinja text that a checkpoint ships, applied to messages.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace pent {

struct ChatMessage {
  std::string role;  // "system", "user", "assistant"
  std::string content;
};

// Parsed once, applied many times; thread-safe. Jinja as Hugging Face runs it (trim_blocks, lstrip_blocks), with limits on
// output size, loop count and depth.
class ChatTemplate {
 public:
  static ChatTemplate parse(std::string_view source, const std::string& where);  // throws kCorrupt, kUnsupported
  std::string apply(const std::vector<ChatMessage>& messages, bool add_generation_prompt,
                    std::string_view bos_token = {},
                    std::string_view eos_token = {}) const;  // throws kInvalidArgument on raise_exception()

 private:
  std::shared_ptr<const struct JinjaProgram> program_;
};

}  // namespace pent
