// Tokenizers for tests.
#pragma once

#include <memory>
#include <string>

#include "base/json.h"
#include "mixed_lines.h"
#include "text/tokenizer.h"

namespace pent {

inline Json base_tokenizer_json() { return parse_json(golden_file("base.json"), "base.json"); }

// base.json with members replaced (RFC 7396).
inline std::shared_ptr<const Tokenizer> patched_tokenizer(const Json& patch) {
  Json json = base_tokenizer_json();
  json.merge_patch(patch);
  return parse_tokenizer_json(to_json_line(json), "tokenizer.json");
}

inline std::shared_ptr<const Tokenizer> base_tokenizer() { return patched_tokenizer(Json::object()); }

}  // namespace pent
