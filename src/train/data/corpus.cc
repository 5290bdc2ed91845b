// Reading documents and finding where sentences end (data/corpus.h).
#include "train/data/corpus.h"

#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"

namespace pent::train {
namespace {

std::string_view trim(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n\f");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n\f") - begin + 1);
}

std::vector<Document> read_jsonl(std::string_view all, const std::string& path) {
  std::vector<Document> documents;
  int64_t line_number = 0;
  while (!all.empty()) {
    const std::string_view line = all.substr(0, all.find('\n'));
    all.remove_prefix(std::min(all.size(), line.size() + 1));
    ++line_number;
    if (trim(line).empty()) continue;
    const std::string where = fmt::format("{}:{}", path, line_number);
    const Json object = parse_json(line, where);
    if (!object.is_object()) throw error(ErrorKind::kCorrupt, "{}: expected an object with \"text\"", where);
    Document document{.prompt = get_string(object, "prompt", where).value_or(""),
                      .text = get_required_string(object, "text", where)};
    if (get_string(object, "finish", where).value_or("") == "length")
      document.text.resize(last_sentence_end(document.text));
    document.text = std::string(trim(document.text));
    document.prompt = std::string(trim(document.prompt));
    if (!document.text.empty()) documents.push_back(std::move(document));
  }
  return documents;
}

std::vector<Document> read_plain(std::string_view all) {
  std::vector<Document> documents;
  auto add = [&](std::string_view text) {
    if (const auto kept = trim(text); !kept.empty()) documents.push_back({.prompt = "", .text = std::string(kept)});
  };
  size_t begin = 0, at = 0;
  constexpr std::string_view kEnd = "<|endoftext|>";
  while (at < all.size()) {
    if (all[at] == '\f' || all.substr(at, kEnd.size()) == kEnd) {
      add(all.substr(begin, at - begin));
      begin = at += all[at] == '\f' ? 1 : kEnd.size();
    } else if (all[at] == '\n') {
      const size_t run_end = std::min(all.find_first_not_of("\r\n", at), all.size());
      const auto breaks =
          std::count(all.begin() + static_cast<int64_t>(at), all.begin() + static_cast<int64_t>(run_end), '\n');
      // Three line breaks are two blank lines; a text that has none of these is cut between paragraphs at four times
      // the size.
      const size_t size = at - begin;
      if ((breaks >= 3 && size >= kDocumentBytes) || (breaks >= 2 && size >= 4 * kDocumentBytes)) {
        add(all.substr(begin, size));
        begin = run_end;
      }
      at = run_end;
    } else {
      ++at;
    }
  }
  add(all.substr(begin));
  return documents;
}

}  // namespace

size_t last_sentence_end(std::string_view text) {
  for (size_t i = text.size(); i-- > 0;) {
    if (text[i] != '.' && text[i] != '!' && text[i] != '?') continue;
    size_t end = i + 1;
    while (end < text.size() && (text[end] == '"' || text[end] == '\'' || text[end] == ')')) ++end;
    if (text.substr(end, 3) == "\u201d") end += 3;
    if (end == text.size() || text[end] == ' ' || text[end] == '\n') return end;
  }
  return 0;
}

std::vector<Document> read_documents(const std::filesystem::path& path) {
  const std::string all = read_file(path, size_t{4} << 30);
  auto documents = path.extension() == ".jsonl" ? read_jsonl(all, path.string()) : read_plain(all);
  if (documents.empty()) throw error(ErrorKind::kInvalidArgument, "{}: no text to train on", path.string());
  return documents;
}

}  // namespace pent::train
