// Word scanners: the patterns of the great tokenizers, written out by hand so that they are linear and quick.
#pragma once

#include <cstddef>
#include <string_view>

namespace pent {

inline constexpr const char* kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
inline constexpr const char* kLlama3Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
inline constexpr const char* kQwen2Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// Where the word that starts at `begin` (< text.size()) ends. Every character belongs to some word.
using WordScanner = size_t (*)(std::string_view text, size_t begin);

size_t scan_gpt2_word(std::string_view text, size_t begin);
size_t scan_llama3_word(std::string_view text, size_t begin);
size_t scan_qwen2_word(std::string_view text, size_t begin);

// The scanner for exactly this pattern, or nullptr.
WordScanner find_scanner(std::string_view pattern);

}  // namespace pent
