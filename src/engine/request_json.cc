// The table of options (sample/option_table.h) for reading and writing; the canvas by hand.
#include "engine/request_json.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "sample/option_table.h"

namespace pent {
namespace {

template <typename Visit>
void for_each_of(OptionGroup group, const Visit& visit) {
  for_each_option([&](const char* key, OptionGroup own, auto member, auto) {
    if (own == group) visit(key, member);
  });
}

// A value and where it stands.
struct Place {
  const Json& json;
  std::string path;  // "canvas[2].hole"
  const std::string& where;

  template <typename... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) const {
    throw error(ErrorKind::kInvalidArgument, "{}: {} {}", where, path.empty() ? "the request" : path,
                fmt::format(format, std::forward<Args>(args)...));
  }
  [[noreturn]] void expected(std::string_view what) const {
    refuse("is {}; expected {}", printable(to_json_line(json)), what);
  }
  Place at(const std::string& key) const { return {json.at(key), path.empty() ? key : path + "." + key, where}; }
  Place at(size_t index) const { return {json[index], fmt::format("{}[{}]", path, index), where}; }
  bool has(const char* key) const { return json.contains(key) && !json.at(key).is_null(); }

  const Place& object() const {
    if (!json.is_object()) expected("an object");
    return *this;
  }
  const Place& array() const {
    if (!json.is_array()) expected("an array");
    return *this;
  }
  void only(const std::vector<std::string>& keys) const {
    for (const auto& [key, value] : object().json.items()) {
      if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
      std::string known;
      for (const std::string& each : keys) known += (known.empty() ? "" : ", ") + each;
      refuse("has a key '{}'; known are {}", printable(key, 40), known);
    }
  }
};

void read(const Place& place, std::string& value) {
  if (!place.json.is_string()) place.expected("a text");
  value = place.json.get<std::string>();
}
void read(const Place& place, bool& value) {
  if (!place.json.is_boolean()) place.expected("true or false");
  value = place.json.get<bool>();
}
void read(const Place& place, double& value) {
  if (place.json == "Infinity") {  // JSON has no number for it
    value = std::numeric_limits<double>::infinity();
    return;
  }
  if (!place.json.is_number()) place.expected("a number");
  value = place.json.get<double>();
}
template <typename Int>
  requires std::is_integral_v<Int>
void read(const Place& place, Int& value) {
  const bool whole = place.json.is_number_integer() || place.json.is_number_unsigned();
  const double low = std::is_signed_v<Int> ? -0x1p31 : 0, high = std::is_signed_v<Int> ? 0x1p31 - 1 : 0x1p53;
  if (!whole || !(place.json.get<double>() >= low && place.json.get<double>() <= high))
    place.expected(std::is_signed_v<Int> ? "a whole number" : "a whole number from 0 to 2^53");
  value = place.json.get<Int>();
}
void read(const Place& place, std::vector<std::string>& values) {
  for (size_t i = 0; i < place.array().json.size(); ++i) read(place.at(i), values.emplace_back());
}
template <typename T>
void read(const Place& place, std::optional<T>& value) {
  read(place, value.emplace());
}

// A JSON Schema may be written as it is, not as text in quotes; a length as a number.
std::string text_or_json(const Place& place) {
  return place.json.is_string() ? place.json.get<std::string>() : to_json_line(place.json);
}

template <typename T>
void read_option(const Place& place, const char* key, T& value) {
  if (!place.has(key)) return;
  const Place own = place.at(key);
  if constexpr (std::is_same_v<T, std::optional<std::string>>) {
    const std::string_view name = key;
    if ((name == "json_schema" && !own.json.is_string()) || (name == "length" && own.json.is_number_integer())) {
      value = text_or_json(own);
      return;
    }
  }
  read(own, value);
}

Constraint parse_constraint(const Place& place) {
  const std::vector<std::string> kinds = {"regex", "choice", "chars", "grammar", "json_schema"};
  place.only(kinds);
  if (place.json.size() != 1)
    place.refuse("has {} of regex, choice, chars, grammar and json_schema; expected one", place.json.size());
  const Place value = place.at(place.json.items().begin().key());
  Constraint constraint;
  if (place.has("choice")) {
    constraint.kind = Constraint::Kind::kChoice;
    read(value, constraint.choices);
    if (constraint.choices.empty()) value.refuse("has no text to choose from");
    return constraint;
  }
  if (place.has("json_schema")) {
    constraint.kind = Constraint::Kind::kJsonSchema;
    constraint.text = text_or_json(value);
    return constraint;
  }
  read(value, constraint.text);
  if (constraint.text.empty()) value.refuse("is empty");
  if (place.has("grammar")) constraint.kind = Constraint::Kind::kGrammar;
  if (place.has("chars")) constraint.text = fmt::format("[{}]*", escaped_for_regex(constraint.text));
  return constraint;
}

void parse_length(const Place& place, Hole& hole) {
  if (place.json == "auto") {
    hole.min_tokens = 1, hole.max_tokens = kFreeHoleTokens;
  } else if (place.json.is_object()) {
    place.only({"min", "max"});
    hole.min_tokens = 1, hole.max_tokens = kFreeHoleTokens;
    if (place.has("min")) read(place.at("min"), hole.min_tokens);
    if (place.has("max")) read(place.at("max"), hole.max_tokens);
  } else if (place.json.is_number_integer()) {
    read(place, hole.min_tokens);
    hole.max_tokens = hole.min_tokens;
  } else {
    place.expected("a number of tokens, {\"min\": …, \"max\": …} or \"auto\"");
  }
  if (!(1 <= hole.min_tokens && hole.min_tokens <= hole.max_tokens && hole.max_tokens <= kMaxHoleTokens))
    place.refuse("is {} to {} tokens; expected 1 <= min <= max <= {}", hole.min_tokens, hole.max_tokens,
                 kMaxHoleTokens);
}

Hole parse_hole(const Place& place) {
  place.only({"id", "length", "constraint", "init", "strength", "priority"});
  Hole hole;
  if (place.has("id")) read(place.at("id"), hole.name);
  if (place.has("constraint")) hole.constraint = parse_constraint(place.at("constraint").object());
  if (place.has("length")) parse_length(place.at("length"), hole);
  if (hole.constraint && place.has("length") && place.at("length").json.is_number()) hole.min_tokens = 1;  // at most
  if (place.has("init")) read(place.at("init"), hole.draft);
  if (place.has("strength")) read(place.at("strength"), hole.strength);
  if (place.has("priority")) read(place.at("priority"), hole.priority);
  return hole;
}

Segment parse_segment(const Place& place) {
  place.only({"text", "hole"});
  if (place.json.size() != 1) place.refuse("is neither {{\"text\": …}} nor {{\"hole\": …}}");
  Segment segment;
  if (place.has("hole"))
    segment.hole = parse_hole(place.at("hole"));
  else
    read(place.at("text"), segment.text);
  return segment;
}

// Functions that may be called, and calls of them: {"type": "function", "function": {"name": …, …}, …}, as chat APIs have both.
Json parse_functions(const Place& place) {
  for (size_t i = 0; i < place.array().json.size(); ++i) {
    const Place each = place.at(i);
    const bool has_one = each.json.is_object() && each.has("function") && each.json["function"].is_object();
    if (!has_one || !each.json["function"].contains("name") || !each.json["function"]["name"].is_string())
      each.expected(R"({"type": "function", "function": {"name": "…", …}})");
  }
  if (place.json.empty()) place.refuse("is empty");
  return place.json;
}

std::vector<ChatMessage> parse_messages(const Place& place) {
  std::vector<ChatMessage> messages;
  for (size_t i = 0; i < place.array().json.size(); ++i) {
    const Place each = place.at(i);
    each.only({"role", "content", "tool_calls", "tool_call_id", "name"});
    const bool calls = each.has("tool_calls");
    for (const char* key : {"role", "content"})
      if (!each.has(key) && !(calls && key == std::string_view("content"))) each.refuse("has no {}", key);
    ChatMessage& message = messages.emplace_back();
    read(each.at("role"), message.role);
    if (each.has("content")) read(each.at("content"), message.content);
    if (calls) message.more["tool_calls"] = parse_functions(each.at("tool_calls"));
    for (const char* key : {"tool_call_id", "name"}) {
      std::string text;
      if (!each.has(key)) continue;
      read(each.at(key), text);
      message.more[key] = text;
    }
  }
  if (messages.empty()) place.refuse("is empty");
  return messages;
}

Json json_of(double value) { return std::isinf(value) ? Json("Infinity") : Json(value); }  // read() takes no other
template <typename T>
Json json_of(const T& value) {
  return value;
}
template <typename T>
Json json_of(const std::optional<T>& value) {
  return json_of(*value);
}

Json hole_to_json(const Hole& hole) {
  Json json = {{"id", hole.name}};
  if (hole.max_tokens > 0) json["length"] = {{"min", hole.min_tokens}, {"max", hole.max_tokens}};
  if (hole.constraint) {
    using Kind = Constraint::Kind;
    const Constraint& own = *hole.constraint;
    json["constraint"] = own.kind == Kind::kChoice    ? Json{{"choice", own.choices}}
                         : own.kind == Kind::kGrammar ? Json{{"grammar", own.text}}
                         : own.kind == Kind::kRegex   ? Json{{"regex", own.text}}
                                                      : Json{{"json_schema", own.text}};
  }
  if (!hole.draft.empty()) json["init"] = hole.draft;
  if (hole.strength) json["strength"] = *hole.strength;
  if (hole.priority != 0) json["priority"] = json_of(hole.priority);
  return json;
}

}  // namespace

Request parse_request(std::string_view text, const std::string& where) {
  const Json json = parse_json(text, where);
  const Place place{json, "", where};
  Request request;
  const auto read_section = [&](const Place& section, OptionGroup group, std::vector<std::string> keys) {
    for_each_of(group, [&](const char* key, auto) { keys.emplace_back(key); });
    section.only(keys);
    for_each_of(group, [&](const char* key, auto member) { read_option(section, key, request.options.*member); });
  };
  read_section(place, OptionGroup::kGeneral,
               {"messages", "prompt", "tools", "canvas", "budget", "diffusion", "choice_logprobs"});
  if (place.has("budget")) read_section(place.at("budget"), OptionGroup::kBudget, {});
  if (place.has("diffusion")) read_section(place.at("diffusion"), OptionGroup::kDiffusion, {});
  if (place.has("choice_logprobs")) read(place.at("choice_logprobs"), request.choice_logprobs);
  if (place.has("messages") && place.has("prompt"))
    place.refuse("has messages and a prompt; keep one, or put the text into the canvas");
  if (place.has("messages")) request.messages = parse_messages(place.at("messages"));
  if (place.has("prompt")) read(place.at("prompt"), request.prompt);
  if (place.has("tools")) {
    if (request.messages.empty()) place.refuse("has tools without messages, from which the chat template begins");
    request.tools = parse_functions(place.at("tools"));
  }
  if (!place.has("canvas")) return request;
  const Place canvas = place.at("canvas");
  for (size_t i = 0; i < canvas.array().json.size(); ++i) request.canvas.push_back(parse_segment(canvas.at(i)));
  try {
    check_canvas(request.canvas);
  } catch (const Error& problem) {
    canvas.refuse("makes no sense: {}", problem.what());
  }
  return request;
}

Json parse_tools(std::string_view text, const std::string& where) {
  const Json json = parse_json(text, where);
  return parse_functions(Place{json, "tools", where});
}

Json to_json(const Request& request) {
  Json json = Json::object();
  for (const ChatMessage& message : request.messages) {
    Json& entry = json["messages"].emplace_back(Json{{"role", message.role}, {"content", message.content}});
    entry.update(message.more);
  }
  if (!request.tools.is_null()) json["tools"] = request.tools;
  if (!request.prompt.empty()) json["prompt"] = request.prompt;
  for (const Segment& segment : request.canvas)
    json["canvas"].push_back(segment.hole ? Json{{"hole", hole_to_json(*segment.hole)}} : Json{{"text", segment.text}});
  if (request.choice_logprobs) json["choice_logprobs"] = true;
  const GenerationOptions usual;
  const auto write_into = [&](Json& into) {
    return [&](const char* key, auto member) {
      if (request.options.*member != usual.*member) into[key] = json_of(request.options.*member);
    };
  };
  Json budget = Json::object(), diffusion = Json::object();
  for_each_of(OptionGroup::kGeneral, write_into(json));
  for_each_of(OptionGroup::kBudget, write_into(budget));
  for_each_of(OptionGroup::kDiffusion, write_into(diffusion));
  if (!budget.empty()) json["budget"] = std::move(budget);
  if (!diffusion.empty()) json["diffusion"] = std::move(diffusion);
  return json;
}

}  // namespace pent
