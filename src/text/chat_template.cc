// Chat templates on our Jinja interpreter (src/text/jinja/): parsed once, rendered with messages, bos_token, eos_token and
// add_generation_prompt as transformers' apply_chat_template does.
#include "text/chat_template.h"

#include "text/jinja/evaluator.h"
#include "text/jinja/lexer.h"
#include "text/jinja/parser.h"
#include "text/utf8.h"

namespace pent {

struct JinjaProgram {
  jinja::Body body;
  std::string where;
};

namespace {
constexpr size_t kMaxTemplateBytes = size_t{1} << 20;
}

ChatTemplate ChatTemplate::parse(std::string_view source, const std::string& where) {
  if (source.size() > kMaxTemplateBytes) {
    throw error(ErrorKind::kResourceExhausted, "{}: a chat template of {} bytes; at most {} are read", where,
                source.size(), kMaxTemplateBytes);
  }
  ChatTemplate result;
  result.program_ = std::make_shared<const JinjaProgram>(
      JinjaProgram{jinja::parse(jinja::tokenize(replace_invalid_utf8(source), where), where), where});
  return result;
}

std::string ChatTemplate::apply(const std::vector<ChatMessage>& messages, bool add_generation_prompt,
                                std::string_view bos_token, std::string_view eos_token) const {
  std::vector<jinja::Value> list;
  for (const ChatMessage& message : messages) {
    list.push_back(
        std::vector<std::pair<std::string, jinja::Value>>{{"role", message.role}, {"content", message.content}});
  }
  return jinja::render(program_->body,
                       {{"messages", std::move(list)},
                        {"add_generation_prompt", add_generation_prompt},
                        {"bos_token", std::string(bos_token)},
                        {"eos_token", std::string(eos_token)}},
                       program_->where);
}

}  // namespace pent
