// Byte-level BPE as OpenAI published GPT-2's (encoder.json, vocab.bpe), under the names that Hugging Face gave the files.
#include "io/gpt2_tokenizer.h"

#include <set>

#include "base/error.h"

namespace pent {
namespace {

constexpr const char* kEndOfText = "<|endoftext|>";

// "#version: 0.2", then a pair of tokens a line.
Json parse_merges(std::string_view text, const std::string& where) {
  Json merges = Json::array();
  int number = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with("#version")) continue;
    const size_t space = line.find(' ');
    if (space == std::string_view::npos || space == 0 || space + 1 == line.size() ||
        line.find(' ', space + 1) != std::string_view::npos) {
      throw error(ErrorKind::kCorrupt, "{}/merges.txt: line {}: '{}' is not a pair of tokens", where, number,
                  printable(line, 60));
    }
    merges.push_back(Json::array({line.substr(0, space), line.substr(space + 1)}));
  }
  return merges;
}

// A token is named by its text, or by an object with it as "content".
std::string content_of(const Json& token) {
  if (token.is_string()) return token.get<std::string>();
  const auto content = token.is_object() ? token.find("content") : token.end();
  return token.is_object() && content != token.end() && content->is_string() ? content->get<std::string>() : "";
}

Json added_token(const Json& id, const std::string& content, bool special, const Json& flags) {
  Json token = {{"id", id}, {"content", content}};
  for (const char* flag : {"single_word", "lstrip", "rstrip", "normalized"}) {
    const auto given = flags.is_object() ? flags.find(flag) : flags.end();
    token[flag] = flags.is_object() && given != flags.end() ? *given : Json(false);
  }
  token["special"] = special;
  return token;
}

// Those that tokenizer_config.json lists under their ids, and those it names that the vocabulary has.
Json added_tokens(const Json& vocab, const Json& config, const std::string& where) {
  Json tokens = Json::array();
  std::set<std::string> known;
  if (const auto listed = config.find("added_tokens_decoder"); listed != config.end() && listed->is_object()) {
    for (const auto& [id, token] : listed->items()) {
      const std::string content = content_of(token);
      if (!token.is_object() || content.empty() || id.empty() || id.size() > 9 ||
          id.find_first_not_of("0123456789") != std::string::npos) {
        throw error(ErrorKind::kCorrupt, "{}/tokenizer_config.json: added_tokens_decoder: '{}' is no id of a token",
                    where, printable(id, 60));
      }
      tokens.push_back(added_token(std::stoi(id), content, token.value("special", Json(false)) == Json(true), token));
      known.insert(content);
    }
  }
  const auto add_special = [&](const std::string& content) {
    const auto id = vocab.find(content);
    if (content.empty() || id == vocab.end() || !known.insert(content).second) return;
    tokens.push_back(added_token(*id, content, true, Json()));
  };
  add_special(kEndOfText);
  for (const char* role :
       {"bos_token", "eos_token", "unk_token", "pad_token", "mask_token", "sep_token", "cls_token"}) {
    if (const auto token = config.find(role); token != config.end()) add_special(content_of(*token));
  }
  if (const auto more = config.find("additional_special_tokens"); more != config.end() && more->is_array()) {
    for (const Json& token : *more) add_special(content_of(token));
  }
  return tokens;
}

}  // namespace

std::string gpt2_tokenizer_json(std::string_view vocab_json, std::string_view merges_txt, const Json& tokenizer_config,
                                const std::string& where) {
  const Json config = tokenizer_config.is_object() ? tokenizer_config : Json::object();
  const std::string config_file = where + "/tokenizer_config.json";
  const std::string kind = get_string(config, "tokenizer_class", config_file).value_or("GPT2Tokenizer");
  if (kind != "GPT2Tokenizer" && kind != "GPT2TokenizerFast") {
    throw error(
        ErrorKind::kUnsupported,
        "{}: vocab.json and merges.txt of a {} are not read, only GPT-2's; write the tokenizer.json: python3 -c "
        "\"from transformers import AutoTokenizer as t; t.from_pretrained('.').save_pretrained('.')\"",
        where, printable(kind, 60));
  }
  Json vocab = parse_json(vocab_json, where + "/vocab.json", 2, DuplicateKeys::kRefuse);
  if (!vocab.is_object())
    throw error(ErrorKind::kCorrupt, "{}/vocab.json: expected an object, found {}", where, vocab.type_name());
  const bool add_prefix_space = get_bool(config, "add_prefix_space", config_file).value_or(false);
  Json tokenizer = {{"version", "1.0"}};
  tokenizer["added_tokens"] = added_tokens(vocab, config, where);
  tokenizer["normalizer"] = nullptr;
  tokenizer["pre_tokenizer"] = {
      {"type", "ByteLevel"}, {"add_prefix_space", add_prefix_space}, {"trim_offsets", true}, {"use_regex", true}};
  tokenizer["post_processor"] = nullptr;
  tokenizer["decoder"] = tokenizer["pre_tokenizer"];
  tokenizer["model"] = {{"type", "BPE"}};
  tokenizer["model"]["vocab"] = std::move(vocab);
  tokenizer["model"]["merges"] = parse_merges(merges_txt, where);
  return to_json_line(tokenizer);
}

}  // namespace pent
