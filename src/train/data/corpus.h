// Training text: documents out of plain-text and JSONL files.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace pent::train {

struct Document {
  std::string prompt;  // may be empty
  std::string text;
};

// .jsonl: an object a line with "text" and perhaps "prompt"; where "finish" is "length" the text was cut off and is
// trimmed to its last full sentence. Anything else: plain text, a document ending at "<|endoftext|>" or a form feed,
// else after a run of two or more blank lines once it has kDocumentBytes. Throws kNotFound, kCorrupt naming file and
// line.
constexpr size_t kDocumentBytes = 16384;
std::vector<Document> read_documents(const std::filesystem::path& path);

// Where the last full sentence ends (after its closing quote); 0 if there is none.
size_t last_sentence_end(std::string_view text);

}  // namespace pent::train
