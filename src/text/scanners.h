// Word scanners: the patterns of the great tokenizers, written out by hand so that they are linear and quick.
#pragma once

#include <cstddef>
#include <string_view>

namespace pent {

// Where the word that starts at `begin` (< text.size()) ends. Every character belongs to some word.
using WordScanner = size_t (*)(std::string_view text, size_t begin);

size_t scan_gpt2_word(std::string_view text, size_t begin);
size_t scan_llama3_word(std::string_view text, size_t begin);
size_t scan_qwen2_word(std::string_view text, size_t begin);

// The scanner for exactly this pattern, or nullptr.
WordScanner find_scanner(std::string_view pattern);

}  // namespace pent
