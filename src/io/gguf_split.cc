// Split GGUF models as llama.cpp's gguf-split writes them: every part is a GGUF file with split.no (from 0), split.count and
// split.tensors.count (of all parts together); the first one has the metadata.
#include "io/gguf_split.h"

#include <charconv>

#include "base/error.h"
#include "io/tensor_table.h"

namespace pent {
namespace {

constexpr size_t kDigits = 5;
constexpr std::string_view kExtension = ".gguf";

// Five digits at `position`, or nullopt.
std::optional<int64_t> read_digits(const std::string& text, size_t position) {
  int64_t value = 0;
  const char* begin = text.data() + position;
  const auto [end, problem] = std::from_chars(begin, begin + kDigits, value);
  return problem == std::errc() && end == begin + kDigits && value >= 0 ? std::optional(value) : std::nullopt;
}

class SplitGguf : public GgufFile {
 public:
  explicit SplitGguf(std::vector<std::unique_ptr<GgufFile>> parts) : parts_(std::move(parts)) {
    const auto count = static_cast<int64_t>(parts_.size());
    for (int64_t i = 0; i < count; ++i) add_part(*parts_[i], i, count);
    const auto expected = first().get_int("split.tensors.count");
    const auto found = static_cast<int64_t>(tensors_.in_file_order().size());
    if (expected && *expected != found) {
      throw error(ErrorKind::kCorrupt, "{}: split.tensors.count is {}, but its {} parts hold {} tensors", describe(),
                  *expected, count, found);
    }
  }

  std::vector<std::string> names() const override { return tensors_.names(); }
  const TensorView* find(std::string_view name) const override { return tensors_.find(name); }
  std::string describe() const override { return first().describe(); }
  std::vector<std::filesystem::path> files() const override {
    std::vector<std::filesystem::path> paths;
    for (const auto& part : parts_) {
      for (auto& path : part->files()) paths.push_back(std::move(path));
    }
    return paths;
  }
  void check_intact() const override {
    for (const auto& part : parts_) part->check_intact();
  }

  int version() const override { return first().version(); }
  const std::map<std::string, GgufValue>& metadata() const override { return first().metadata(); }
  std::vector<GgufStoredPair> stored_pairs() const override { return first().stored_pairs(); }
  std::optional<int64_t> get_int(const std::string& key) const override { return first().get_int(key); }
  std::optional<double> get_number(const std::string& key) const override { return first().get_number(key); }
  std::optional<bool> get_bool(const std::string& key) const override { return first().get_bool(key); }
  std::optional<std::string> get_string(const std::string& key) const override { return first().get_string(key); }
  const std::vector<std::string>* get_strings(const std::string& key) const override {
    return first().get_strings(key);
  }
  const std::vector<int64_t>* get_ints(const std::string& key) const override { return first().get_ints(key); }

 private:
  const GgufFile& first() const { return *parts_.front(); }

  void add_part(const GgufFile& part, int64_t index, int64_t count) {
    const int64_t part_count = part.get_int("split.count").value_or(1);
    const int64_t part_index = part.get_int("split.no").value_or(-1);
    if (part_count != count || part_index != index) {
      throw error(ErrorKind::kCorrupt,
                  "{}: split.no is {} and split.count {}, expected {} and {}: not a part of this model, or renamed",
                  part.describe(), part_index, part_count, index, count);
    }
    for (const std::string& name : part.names()) {
      if (!tensors_.add(name, TensorView(*part.find(name)))) {
        throw error(ErrorKind::kCorrupt, "{}: tensor '{}' is in an earlier part too", part.describe(), printable(name));
      }
    }
  }

  std::vector<std::unique_ptr<GgufFile>> parts_;  // never empty
  TensorTable tensors_;
};

}  // namespace

std::string GgufPartName::part(int64_t number) const {
  return fmt::format("{}-{:05}-of-{:05}{}", stem, number, count, kExtension);
}

std::optional<GgufPartName> parse_gguf_part_name(const std::string& file_name) {
  constexpr std::string_view kOf = "-of-";
  constexpr size_t kSuffix = 1 + kDigits + kOf.size() + kDigits + kExtension.size();
  if (file_name.size() <= kSuffix || !file_name.ends_with(kExtension)) return std::nullopt;
  const size_t dash = file_name.size() - kSuffix, of = dash + 1 + kDigits;
  if (file_name[dash] != '-' || file_name.compare(of, kOf.size(), kOf) != 0) return std::nullopt;
  const auto number = read_digits(file_name, dash + 1), count = read_digits(file_name, of + kOf.size());
  if (!number || !count || *number < 1 || *number > *count) return std::nullopt;
  return GgufPartName{.stem = file_name.substr(0, dash), .number = *number, .count = *count};
}

std::unique_ptr<GgufFile> join_gguf_parts(std::vector<std::unique_ptr<GgufFile>> parts) {
  PENT_CHECK(!parts.empty());
  return std::make_unique<SplitGguf>(std::move(parts));
}

std::unique_ptr<GgufFile> open_split_gguf(const std::filesystem::path& path, std::unique_ptr<GgufFile> first_opened) {
  const int64_t count = first_opened->get_int("split.count").value_or(1);
  const auto name = parse_gguf_part_name(path.filename().string());
  if (!name || name->count != count) {
    throw error(ErrorKind::kCorrupt,
                "{}: one part of a model split into {} files, which are looked for under its name; expected "
                "NAME-00001-of-{:05}.gguf: rename the parts so",
                path.string(), count, count);
  }
  std::vector<std::unique_ptr<GgufFile>> parts;
  for (int64_t number = 1; number <= count; ++number) {
    const auto part_path = path.parent_path() / name->part(number);
    parts.push_back(number == name->number ? std::move(first_opened) : open_one_gguf(part_path));
  }
  return join_gguf_parts(std::move(parts));
}

}  // namespace pent
