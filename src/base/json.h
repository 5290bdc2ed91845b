// JSON for untrusted input: nlohmann-json behind limits on size and depth, with errors that name the file.
// Include nlohmann/json.hpp only through this header.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace pent {

using Json = nlohmann::ordered_json;  // keeps the order of keys: vocabularies and our own output rely on it

enum class DuplicateKeys { kLastWins, kRefuse };

// Throws kCorrupt "WHERE: not valid JSON at byte N: …" or "… nested deeper than 128".
Json parse_json(std::string_view text, const std::string& where, int max_depth = 128,
                DuplicateKeys duplicates = DuplicateKeys::kLastWins);

// Typed look-ups of an object's key. Missing or null: nullopt / fallback. Wrong type or out of range: kCorrupt naming
// WHERE and the key. `get_required_*` throws kCorrupt when the key is missing.
std::optional<int64_t> get_int(const Json& object, const char* key, const std::string& where);
std::optional<double> get_number(const Json& object, const char* key, const std::string& where);
std::optional<bool> get_bool(const Json& object, const char* key, const std::string& where);
std::optional<std::string> get_string(const Json& object, const char* key, const std::string& where);
int64_t get_required_int(const Json& object, const char* key, const std::string& where);
std::string get_required_string(const Json& object, const char* key, const std::string& where);

// One line, invalid UTF-8 replaced by U+FFFD (never throws on text a model wrote).
std::string to_json_line(const Json& value);

// A file's text, indented by two, with a newline at its end. Throws kCorrupt "WHERE: …" for strings that are not UTF-8, such as
// tokens that came from another format.
std::string to_json_file(const Json& value, const std::string& where);

}  // namespace pent
