// Chat templates: the Jinja text that a checkpoint ships, applied to messages.
#pragma once

#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace pent {

struct ChatMessage {
  std::string role;  // "system", "user", "assistant", "tool"
  std::string content;
  Json more = Json::object();  // what else chat APIs say of a message: tool_calls, tool_call_id, name

  bool operator==(const ChatMessage&) const = default;
};

// What transformers' apply_chat_template passes on, in the form of chat APIs.
struct ChatInput {
  Json messages;         // a list of objects: role; content (text, or a list of parts); tool_calls; name; …
  Json tools = nullptr;  // a list of function descriptions by JSON schema, or null
  bool add_generation_prompt = true;
  Json variables = Json::object();  // whatever else the template may read: bos_token, eos_token, enable_thinking, …
  std::time_t now = std::time(nullptr);  // for strftime_now
};

// Parsed once, applied many times; thread-safe. Jinja as transformers runs it (a sandbox in which values do not change,
// trim_blocks, lstrip_blocks, break and continue, the generation tag), with limits on work, output size and depth.
class ChatTemplate {
 public:
  // Throws kCorrupt where the syntax is wrong, kUnsupported for Jinja that we do not run; one line with that of WHERE.
  static ChatTemplate parse(std::string_view source, const std::string& where);

  // Throws kInvalidArgument where the template refuses the messages (raise_exception) or cannot work on them,
  // kUnsupported and kResourceExhausted.
  std::string apply(const ChatInput& input) const;
  std::string apply(const std::vector<ChatMessage>& messages, bool add_generation_prompt,
                    Json variables = Json::object(), Json tools = nullptr) const;

 private:
  std::shared_ptr<const struct JinjaProgram> program_;
};

// The special tokens that tokenizer_config.json names, as the variables that transformers makes of them: bos_token,
// eos_token, unk_token, sep_token, pad_token, cls_token, mask_token (each a string or {"content": …}, none if null),
// additional_special_tokens, and what extra_special_tokens adds. A null config has none. Throws kCorrupt naming WHERE.
Json special_token_variables(const Json& tokenizer_config, const std::string& where);

}  // namespace pent
