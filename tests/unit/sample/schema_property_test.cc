// Random JSON Schemas against random logits. What judges the text is written here: nlohmann's parser and a validator of the keywords
// that the schemas use.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

#include "base/json.h"
#include "sample/decode.h"
#include "support/fake_denoiser.h"
#include "text/grammar/json_schema.h"

namespace pent {
namespace {

// Token 0 ends, the last is the mask.
const std::vector<std::string> kTokens = {
    "",     "{",     "}",    "[",  "]",  ",",  ":",  "\"", " ", ", ", ": ", "\": ", "\", \"", "{\"", "}}",
    "]}",   "0",     "1",    "2",  "5",  "9",  "12", "-",  "a", "b",  "c",  "ab",   "cab",    "\"a", "b\"",
    "true", "false", "null", "tr", "ue", "\\", "n",  "u",  "l", "f",  "s",  "e",    ""};
const int kVocabulary = static_cast<int>(kTokens.size());

Json any_schema(int depth = 0) {
  switch (*rc::gen::inRange(0, depth > 1 ? 6 : 9)) {
    case 0: return {{"type", "boolean"}};
    case 1: {
      const int low = *rc::gen::inRange(-20, 20);
      return {{"type", "integer"}, {"minimum", low}, {"maximum", low + *rc::gen::inRange(0, 300)}};
    }
    case 2: {
      const int low = *rc::gen::inRange(0, 3);
      return {{"type", "string"}, {"minLength", low}, {"maxLength", low + *rc::gen::inRange(0, 5)}};
    }
    case 3: return {{"enum", {"ab", 12, nullptr, true, "a\"b"}}};
    case 4: return {{"type", {"null", "integer"}}};
    case 5: return {{"const", {{"a", 1}}}};
    case 6: {
      const int low = *rc::gen::inRange(0, 3);
      return {{"type", "array"}, {"items", any_schema(depth + 1)}, {"minItems", low}, {"maxItems", low + 2}};
    }
    case 7: return {{"anyOf", {any_schema(depth + 1), any_schema(depth + 1)}}};
    default: {
      Json properties = Json::object(), required = Json::array();
      for (const char* name : {"a", "b", "cab"}) {
        if (*rc::gen::inRange(0, 3) == 0) continue;
        properties[name] = any_schema(depth + 1);
        if (*rc::gen::arbitrary<bool>()) required.push_back(name);
      }
      return {{"type", "object"}, {"properties", properties}, {"required", required}, {"additionalProperties", false}};
    }
  }
}

bool is_of_type(const std::string& type, const Json& value) {
  if (type == "boolean") return value.is_boolean();
  if (type == "integer") return value.is_number_integer();
  if (type == "string") return value.is_string();
  if (type == "null") return value.is_null();
  if (type == "array") return value.is_array();
  return value.is_object();
}

bool validates(const Json& schema, const Json& value) {
  if (schema.contains("const")) return value == schema["const"];
  if (schema.contains("enum"))
    return std::find(schema["enum"].begin(), schema["enum"].end(), value) != schema["enum"].end();
  if (schema.contains("anyOf"))
    return std::any_of(schema["anyOf"].begin(), schema["anyOf"].end(),
                       [&](const Json& each) { return validates(each, value); });
  const Json types = schema["type"].is_array() ? schema["type"] : Json::array({schema["type"]});
  if (std::none_of(types.begin(), types.end(), [&](const Json& type) { return is_of_type(type, value); })) return false;
  if (schema.contains("minimum")) return schema["minimum"] <= value && value <= schema["maximum"];
  if (schema.contains("minLength")) {  // characters, not bytes
    const auto text = value.get<std::string>();
    const auto length = std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
    return schema["minLength"] <= length && length <= schema["maxLength"].get<int64_t>();
  }
  if (schema.contains("items"))
    return schema["minItems"] <= value.size() && value.size() <= schema["maxItems"].get<size_t>() &&
           std::all_of(value.begin(), value.end(), [&](const Json& each) { return validates(schema["items"], each); });
  if (!schema.contains("properties")) return true;
  for (const auto& [key, own] : value.items())
    if (!schema["properties"].contains(key) || !validates(schema["properties"][key], own)) return false;
  return std::all_of(schema["required"].begin(), schema["required"].end(),
                     [&](const Json& key) { return value.contains(key.get<std::string>()); });
}

std::shared_ptr<const TokenAutomaton> over_tokens(const Json& schema) {
  static const auto trie =
      std::make_shared<const TokenTrie>(std::vector<std::string_view>(kTokens.begin(), kTokens.end()));
  return std::make_shared<const TokenAutomaton>(
      grammar::Automaton::compile(grammar::parse_json_schema(schema, "--json-schema"), "--json-schema"), trie,
      kVocabulary, std::vector<int32_t>{0}, "--json-schema");
}

// The text written for a schema; nothing where it was refused.
std::optional<std::string> write_json(const Json& schema) {
  const int cells = *rc::gen::inRange(4, 40);
  GenerationOptions options{
      .max_tokens = cells, .temperature = *rc::gen::element(0.0, 1.0), .seed = *rc::gen::inRange<uint64_t>(0, 100'000)};
  options.preset = *rc::gen::element<std::string>("llada", "mdlm", "p2", "fast-dllm", "eb", "wino");
  if (options.preset == "llada" || options.preset == "mdlm" || options.preset == "p2")
    options.steps = *rc::gen::inRange(1, 7);
  FakeDenoiser model(fake_diffusion_spec(kVocabulary), scrambled_logits(kVocabulary));
  SamplingParams params = resolve(options, model.spec());
  std::vector<std::unique_ptr<Sampler>> samplers;
  try {
    params.cell_rules = {{0, cells, over_tokens(schema)}};
    Canvas canvas(model.spec().mask_id);
    canvas.append_masked(cells);
    samplers.push_back(make_diffusion_sampler(std::move(canvas), params, {0}));
  } catch (const Error& refused) {
    RC_ASSERT(refused.kind() == ErrorKind::kInvalidArgument);
    return std::nullopt;
  }
  decode(model, samplers, params, {.banned = unwritable_tokens(model.spec(), kVocabulary)});
  std::string text;
  for (const int32_t token : samplers[0]->completion()) text += kTokens[static_cast<size_t>(token)];
  return text;
}

// 1,000 pairs of a schema and logits, ten a case; script/study-constraints has 10,000 with real vocabularies.
TEST(SchemaProperty, A08_WhatIsWrittenValidatesOrIsRefusedBefore) {
  int written = 0, pairs = 0;
  EXPECT_TRUE(rc::check([&] {
    for (int pair = 0; pair < 10; ++pair, ++pairs) {
      const Json schema = any_schema();
      const std::optional<std::string> text = write_json(schema);
      if (!text) continue;
      ++written;
      const Json value = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
      RC_LOG() << schema.dump() << " " << *text;
      RC_ASSERT(!value.is_discarded());
      RC_ASSERT(validates(schema, value));
    }
  }));
  EXPECT_GT(written, pairs / 2);  // the others had no room
}

}  // namespace
}  // namespace pent
