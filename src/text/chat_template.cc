// Chat templates on our Jinja interpreter (src/text/jinja/).
#include "text/chat_template.h"

#include "base/error.h"
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

jinja::Value to_value(const Json& json) {
  switch (json.type()) {
    case Json::value_t::boolean: return json.get<bool>();
    case Json::value_t::number_float: return json.get<double>();
    case Json::value_t::string: return replace_invalid_utf8(json.get_ref<const std::string&>());
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned: {
      const bool fits = json.is_number_unsigned() ? json.get<uint64_t>() <= INT64_MAX : json.get<int64_t>() > INT64_MIN;
      if (!fits) throw error(ErrorKind::kInvalidArgument, "the number {} is too large", json.dump());
      return json.get<int64_t>();
    }
    case Json::value_t::array: {
      jinja::Items items;
      for (const Json& item : json) items.push_back(to_value(item));
      return items;
    }
    case Json::value_t::object: {
      jinja::Entries entries;
      for (const auto& [key, item] : json.items()) entries.emplace_back(replace_invalid_utf8(key), to_value(item));
      return entries;
    }
    default: return jinja::None{};
  }
}

}  // namespace

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

std::string ChatTemplate::apply(const ChatInput& input) const {
  jinja::Variables variables;
  try {
    for (const auto& [name, value] : input.variables.items()) set_variable(variables, name, to_value(value));
    set_variable(variables, "messages", to_value(input.messages));
    set_variable(variables, "tools", to_value(input.tools));
    set_variable(variables, "documents", jinja::None{});
    set_variable(variables, "add_generation_prompt", input.add_generation_prompt);
  } catch (const Error& problem) {
    throw Error(problem.kind(), "the messages for a chat template: " + std::string(problem.what()));
  }
  return jinja::render(program_->body, std::move(variables), input.now, program_->where);
}

std::string ChatTemplate::apply(const std::vector<ChatMessage>& messages, bool add_generation_prompt, Json variables,
                                Json tools) const {
  ChatInput input{.messages = Json::array(),
                  .tools = std::move(tools),
                  .add_generation_prompt = add_generation_prompt,
                  .variables = std::move(variables)};
  for (const ChatMessage& message : messages) {
    Json& entry = input.messages.emplace_back(Json{{"role", message.role}, {"content", message.content}});
    entry.update(message.more);
  }
  return apply(input);
}

Json special_token_variables(const Json& tokenizer_config, const std::string& where) {
  Json variables = Json::object();
  if (!tokenizer_config.is_object()) return variables;
  const auto text_of = [&](const Json& token, const std::string& key) -> Json {
    const Json* text = token.is_object() && token.contains("content") ? &token["content"] : &token;
    if (!text->is_string()) {
      throw error(ErrorKind::kCorrupt, "{}: '{}' is neither a string nor an object with 'content'", where,
                  printable(key, 40));
    }
    return *text;
  };
  const auto found = [&](const char* key) -> const Json* {
    const auto at = tokenizer_config.find(key);
    return at == tokenizer_config.end() || at->is_null() ? nullptr : &*at;
  };
  for (const char* key : {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}) {
    if (const Json* token = found(key)) variables[key] = text_of(*token, key);
  }
  if (const Json* tokens = found("additional_special_tokens"); tokens && tokens->is_array() && !tokens->empty()) {
    Json texts = Json::array();
    for (const Json& token : *tokens) texts.push_back(text_of(token, "additional_special_tokens"));
    variables["additional_special_tokens"] = std::move(texts);
  }
  // Elsewhere a list, which names no variable.
  if (const Json* tokens = found("extra_special_tokens"); tokens && tokens->is_object()) {
    for (const auto& [key, token] : tokens->items()) variables[key] = text_of(token, key);
  }
  return variables;
}

}  // namespace pent
