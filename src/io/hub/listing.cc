// The hub's answers as its API documentation and huggingface_hub's RepoFile describe them.
#include "io/hub/listing.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/json.h"
#include "io/hub/reference.h"

namespace pent {
namespace {

constexpr size_t kMaxFiles = 100000;
constexpr uint64_t kMaxSmallFile = uint64_t{1} << 28;  // what the readers of JSON and tokenizers take
constexpr const char* kIndex = "model.safetensors.index.json";

bool is_hash(const std::string& text, size_t digits) {
  return text.size() == digits && text.find_first_not_of("0123456789abcdef") == text.npos;
}

HubFile parse_file(const Json& entry, const std::string& where) {
  HubFile file;
  file.path = get_required_string(entry, "path", where);
  if (!stays_below(file.path))
    throw error(ErrorKind::kCorrupt, "{}: the file name '{}' is refused: it would leave the model's folder", where,
                printable(file.path));
  const std::string at = where + ": '" + printable(file.path) + "'";
  const auto lfs = entry.find("lfs");
  file.large = lfs != entry.end() && !lfs->is_null();
  if (file.large && !lfs->is_object()) throw error(ErrorKind::kCorrupt, "{}: 'lfs' is not an object", at);
  const Json& described = file.large ? *lfs : entry;
  file.hash = get_required_string(described, "oid", at);
  if (!is_hash(file.hash, file.large ? 64 : 40))
    throw error(ErrorKind::kCorrupt, "{}: '{}' is no {}", at, printable(file.hash), file.large ? "SHA-256" : "SHA-1");
  const int64_t size = get_required_int(described, "size", at);
  if (size < 0) throw error(ErrorKind::kCorrupt, "{}: a size of {} bytes", at, size);
  file.size = static_cast<uint64_t>(size);
  return file;
}

const HubFile* find(const std::vector<HubFile>& files, const std::string& path) {
  const auto found = std::find_if(files.begin(), files.end(), [&](const HubFile& file) { return file.path == path; });
  return found == files.end() ? nullptr : &*found;
}

// Configuration, tokenizer, templates: all that stands beside the weights and is read by us or by others' loaders.
bool is_description(const HubFile& file) {
  if (file.size > kMaxSmallFile) return false;
  const std::string& path = file.path;
  if (path.ends_with(".jinja")) return true;  // chat_template.jinja, additional_chat_templates/NAME.jinja
  if (path.find('/') != path.npos) return false;
  if (path.ends_with(".json")) return !path.ends_with(".index.json") && path != "trainer_state.json";
  return path == "merges.txt" || path == "vocab.txt" || path == "tokenizer.model" || path.ends_with(".tiktoken");
}

std::vector<HubFile> shards(const std::vector<HubFile>& files, std::string_view shard_index, const std::string& where) {
  const std::string at = where + "/" + kIndex;
  const Json index = parse_json(shard_index, at);
  const auto map = index.is_object() ? index.find("weight_map") : index.end();
  if (map == index.end() || !map->is_object() || map->empty())
    throw error(ErrorKind::kCorrupt, "{}: no 'weight_map' that says which file has which tensor", at);
  std::set<std::string> names;
  for (const auto& [tensor, name] : map->items()) {
    if (!name.is_string())
      throw error(ErrorKind::kCorrupt, "{}: the file of tensor '{}' is no string", at, printable(tensor));
    names.insert(name.get<std::string>());
  }
  std::vector<HubFile> chosen;
  for (const std::string& name : names) {
    const HubFile* file = find(files, name);
    if (file == nullptr)
      throw error(ErrorKind::kCorrupt, "{}: it names '{}', which the repository does not have", at, printable(name));
    chosen.push_back(*file);
  }
  return chosen;
}

std::vector<HubFile> choose_gguf_files(const std::vector<HubFile>& files, const std::string& quant,
                                       const std::string& where) {
  std::vector<std::string> names;
  for (const HubFile& file : files) names.push_back(file.path);
  std::vector<HubFile> chosen;
  for (const std::string& name : choose_gguf(names, quant, where)) chosen.push_back(*find(files, name));
  return chosen;
}

}  // namespace

std::string parse_hub_revision(std::string_view json, const std::string& where) {
  const Json answer = parse_json(json, where);
  if (!answer.is_object()) throw error(ErrorKind::kCorrupt, "{}: not a JSON object", where);
  std::string commit = get_required_string(answer, "sha", where);
  if (!is_commit(commit)) throw error(ErrorKind::kCorrupt, "{}: 'sha' is '{}', no commit", where, printable(commit));
  return commit;
}

void parse_hub_tree(std::string_view json, const std::string& where, std::vector<HubFile>& files) {
  const Json page = parse_json(json, where);
  if (!page.is_array()) throw error(ErrorKind::kCorrupt, "{}: expected a JSON array of files", where);
  if (files.size() + page.size() > kMaxFiles)
    throw error(ErrorKind::kResourceExhausted, "{}: more than {} files, which no model needs", where, kMaxFiles);
  std::set<std::string> known;
  for (const HubFile& file : files) known.insert(file.path);
  for (const Json& entry : page) {
    if (!entry.is_object()) throw error(ErrorKind::kCorrupt, "{}: an entry is not a JSON object", where);
    if (get_required_string(entry, "type", where) != "file") continue;
    files.push_back(parse_file(entry, where));
    if (!known.insert(files.back().path).second)
      throw error(ErrorKind::kCorrupt, "{}: '{}' comes twice", where, printable(files.back().path));
  }
}

// RFC 8288: Link: <URL>; rel="next", <URL>; rel="last"
std::string next_page(std::string_view link_header) {
  while (!link_header.empty()) {
    const size_t open = link_header.find('<');
    const size_t close = link_header.find('>', open);
    if (open == link_header.npos || close == link_header.npos) return "";
    const size_t end = std::min(link_header.find(",", close), link_header.size());
    const std::string_view parameters = link_header.substr(close, end - close);
    if (parameters.find("rel=\"next\"") != parameters.npos || parameters.find("rel=next") != parameters.npos)
      return std::string(link_header.substr(open + 1, close - open - 1));
    link_header.remove_prefix(end);
  }
  return "";
}

const HubFile* find_shard_index(const std::vector<HubFile>& files, const std::string& quant) {
  if (!quant.empty() || find(files, "model.safetensors") != nullptr) return nullptr;
  return find(files, kIndex);
}

std::vector<HubFile> choose_hub_files(const std::vector<HubFile>& files, const std::string& quant,
                                      std::string_view shard_index, const std::string& where) {
  const auto any = [&](const char* suffix) {
    return std::any_of(files.begin(), files.end(), [&](const HubFile& file) { return file.path.ends_with(suffix); });
  };
  std::vector<HubFile> chosen;
  const HubFile* whole = find(files, "model.safetensors");
  const HubFile* index = find_shard_index(files, quant);
  if (!quant.empty() || (whole == nullptr && index == nullptr && any(".gguf"))) {
    chosen = choose_gguf_files(files, quant, where);
  } else if (whole != nullptr || index != nullptr) {
    chosen = index != nullptr ? shards(files, shard_index, where) : std::vector{*whole};
    if (index != nullptr) chosen.push_back(*index);
    std::copy_if(files.begin(), files.end(), std::back_inserter(chosen), is_description);
  } else if (any(".bin") || any(".pt") || any(".pth")) {
    throw error(
        ErrorKind::kUnsupported,
        "{}: its weights are Python pickles, which are never opened: they can run code; look for a revision or a "
        "repository with safetensors or GGUF",
        where);
  } else {
    throw error(ErrorKind::kNotFound,
                "{}: neither model.safetensors (or its index) nor a .gguf file among its {} files", where,
                files.size());
  }
  std::sort(chosen.begin(), chosen.end(),
            [](const HubFile& a, const HubFile& b) { return std::tie(a.size, a.path) < std::tie(b.size, b.path); });
  return chosen;
}

}  // namespace pent
