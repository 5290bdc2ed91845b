// Reading .safetensors files and sharded indexes. Layout and the rules checked here: docs/formats.md.
//   u64 n | n bytes of JSON {"name": {"dtype", "shape", "data_offsets": [begin, end]}, "__metadata__": {…}} | tensor bytes
#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <tuple>

#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "io/tensor_table.h"
#include "io/weight_source.h"

namespace pent {
namespace {

constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // the format's own limit
constexpr int kMaxHeaderDepth = 8;                 // 3 are in use
constexpr size_t kMaxIndexBytes = kMaxHeaderBytes;

struct HeaderEntry {
  std::string name;
  DType dtype;
  std::vector<int64_t> shape;
  uint64_t begin, end;  // within the byte buffer
};

DType parse_dtype(const std::string& text, const std::string& where) {
  for (const DType type : {DType::kF32, DType::kF16, DType::kBF16, DType::kI8, DType::kI16, DType::kI32, DType::kI64,
                           DType::kU8, DType::kBool, DType::kF64}) {
    if (text == dtype_info(type).name) return type;
  }
  if (text.starts_with("F8_")) {
    throw error(ErrorKind::kUnsupported,
                "{}: dtype '{}': FP8 weights are not read: take the unquantised model, or a GGUF file of it", where,
                printable(text));
  }
  throw error(ErrorKind::kUnsupported,
              "{}: dtype '{}' is not one this build reads (BF16, F16, F32, F64, I8–I64, U8, BOOL)", where,
              printable(text));
}

// A count or an offset; the JSON library keeps whole numbers apart from -1 and 1.0.
std::optional<int64_t> as_count(const Json& value) {
  if (!value.is_number_unsigned() || value.get<uint64_t>() > uint64_t{INT64_MAX}) return std::nullopt;
  return value.get<int64_t>();
}

HeaderEntry parse_entry(const std::string& name, const Json& description, uint64_t buffer_bytes,
                        const std::string& file) {
  const std::string where = fmt::format("{}: tensor '{}'", file, printable(name));
  HeaderEntry entry{.name = name, .dtype = {}, .shape = {}, .begin = 0, .end = 0};
  entry.dtype = parse_dtype(get_required_string(description, "dtype", where), where);

  const auto shape = description.find("shape");
  if (shape == description.end() || !shape->is_array()) throw error(ErrorKind::kCorrupt, "{}: no 'shape' list", where);
  for (const Json& axis : *shape) {
    const auto length = as_count(axis);
    if (!length) throw error(ErrorKind::kCorrupt, "{}: shape has an axis that is no whole number below 2^63", where);
    entry.shape.push_back(*length);
  }

  const auto offsets = description.find("data_offsets");
  const bool is_pair = offsets != description.end() && offsets->is_array() && offsets->size() == 2;
  const auto begin = is_pair ? as_count((*offsets)[0]) : std::nullopt;
  const auto end = is_pair ? as_count((*offsets)[1]) : std::nullopt;
  if (!begin || !end)
    throw error(ErrorKind::kCorrupt, "{}: 'data_offsets' is not a pair of whole numbers below 2^63", where);
  entry.begin = static_cast<uint64_t>(*begin);
  entry.end = static_cast<uint64_t>(*end);
  if (entry.begin > entry.end || entry.end > buffer_bytes) {
    throw error(ErrorKind::kCorrupt, "{}: bytes {}–{} lie outside the {} bytes that follow the header", where,
                entry.begin, entry.end, buffer_bytes);
  }
  const auto expected = checked_tensor_bytes(entry.dtype, entry.shape);
  if (!expected)
    throw error(ErrorKind::kCorrupt, "{}: shape {} is too large", where, printable(shape_text(entry.shape)));
  if (*expected != entry.end - entry.begin) {
    throw error(ErrorKind::kCorrupt, "{}: {} {} takes {} bytes, the file gives it {}", where,
                dtype_info(entry.dtype).name, printable(shape_text(entry.shape)), *expected, entry.end - entry.begin);
  }
  return entry;
}

// Tensors must tile the buffer: in order of offset they touch, starting at 0 and ending at the end of the file.
void check_tiling(const std::vector<HeaderEntry>& entries, uint64_t buffer_bytes, const std::string& where) {
  uint64_t position = 0;
  for (const HeaderEntry& entry : entries) {
    if (entry.begin != position) {
      throw error(ErrorKind::kCorrupt, "{}: tensor '{}' starts at byte {} of the data, expected {}: tensors {}", where,
                  printable(entry.name), entry.begin, position, entry.begin < position ? "overlap" : "leave a gap");
    }
    position = entry.end;
  }
  if (position != buffer_bytes) {
    throw error(ErrorKind::kCorrupt, "{}: tensors end at byte {} of the data, the file at {}", where, position,
                buffer_bytes);
  }
}

TensorTable parse_safetensors(std::span<const std::byte> bytes, const std::string& where) {
  if (bytes.size() < 8)
    throw error(ErrorKind::kCorrupt, "{}: {} bytes are too few for a safetensors file", where, bytes.size());
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, bytes.data(), 8);
  if (header_bytes > bytes.size() - 8 || header_bytes > kMaxHeaderBytes) {
    throw error(ErrorKind::kCorrupt,
                "{}: not a safetensors file, or cut off: its first 8 bytes announce a header of {} bytes "
                "({} bytes follow; at most {} are allowed)",
                where, header_bytes, bytes.size() - 8, kMaxHeaderBytes);
  }
  const std::string_view header(reinterpret_cast<const char*>(bytes.data()) + 8, header_bytes);
  if (!header.starts_with('{')) throw error(ErrorKind::kCorrupt, "{}: the header does not start with '{{'", where);
  const std::span<const std::byte> buffer = bytes.subspan(8 + header_bytes);

  const Json json = parse_json(header, where + " (header)", kMaxHeaderDepth, DuplicateKeys::kRefuse);
  std::vector<HeaderEntry> entries;
  for (const auto& [name, description] : json.items()) {
    if (name != "__metadata__") entries.push_back(parse_entry(name, description, buffer.size(), where));
  }
  std::sort(entries.begin(), entries.end(), [](const HeaderEntry& a, const HeaderEntry& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  check_tiling(entries, buffer.size(), where);

  TensorTable table;
  for (HeaderEntry& entry : entries) {
    table.add(entry.name, {.name = {},
                           .dtype = entry.dtype,
                           .shape = std::move(entry.shape),
                           .bytes = buffer.subspan(entry.begin, entry.end - entry.begin)});
  }
  return table;
}

class SafetensorsBytes : public WeightSource {
 public:
  SafetensorsBytes(std::span<const std::byte> bytes, std::string where)
      : where_(std::move(where)), tensors_(parse_safetensors(bytes, where_)) {}
  std::vector<std::string> names() const override { return tensors_.names(); }
  const TensorView* find(std::string_view name) const override { return tensors_.find(name); }
  std::string describe() const override { return where_; }
  void check_intact() const override {}

 private:
  std::string where_;
  TensorTable tensors_;
};

// One file, or the shards that an index names.
class SafetensorsFiles : public WeightSource {
 public:
  explicit SafetensorsFiles(std::filesystem::path path) : path_(std::move(path)) {}

  void read_single() {
    files_.push_back(MappedFile::open(path_));
    tensors_ = parse_safetensors(files_.back().bytes(), path_.string());
    check_intact();
  }

  void read_index() {
    const std::string where = path_.string();
    const Json index = parse_json(read_file(path_, kMaxIndexBytes), where, kMaxHeaderDepth, DuplicateKeys::kRefuse);
    const auto weight_map = index.is_object() ? index.find("weight_map") : index.end();
    if (weight_map == index.end() || !weight_map->is_object()) {
      throw error(ErrorKind::kCorrupt, "{}: no 'weight_map' object", where);
    }
    std::map<std::string, TensorTable> shards;
    for (const auto& [name, shard] : weight_map->items()) {
      if (!shard.is_string())
        throw error(ErrorKind::kCorrupt, "{}: 'weight_map' gives tensor '{}' no file name", where, printable(name));
      const TensorView* view = open_shard(shard.get_ref<const std::string&>(), shards).find(name);
      if (!view) {
        throw error(ErrorKind::kCorrupt, "{}: tensor '{}' is not in '{}', where the index puts it", where,
                    printable(name), printable(shard.get_ref<const std::string&>()));
      }
      tensors_.add(name, TensorView(*view));
    }
    check_intact();
  }

  std::vector<std::string> names() const override { return tensors_.names(); }
  const TensorView* find(std::string_view name) const override { return tensors_.find(name); }
  std::string describe() const override { return path_.string(); }
  std::vector<std::filesystem::path> files() const override {
    std::vector<std::filesystem::path> paths;
    for (const MappedFile& file : files_) paths.push_back(file.path());
    return paths;
  }
  void check_intact() const override {
    for (const MappedFile& file : files_) file.check_intact();
  }

 private:
  const TensorTable& open_shard(const std::string& name, std::map<std::string, TensorTable>& shards) {
    if (const auto known = shards.find(name); known != shards.end()) return known->second;
    // An index may only name its neighbours: anything with a folder in it could point outside of the model.
    if (name.empty() || name == "." || name == ".." || name.find_first_of(std::string_view("/\\\0", 3)) != name.npos) {
      throw error(ErrorKind::kCorrupt, "{}: shard name '{}' is refused: expected a file name without folders",
                  path_.string(), printable(name));
    }
    files_.push_back(MappedFile::open(path_.parent_path() / name));
    const MappedFile& file = files_.back();
    return shards.emplace(name, parse_safetensors(file.bytes(), file.path().string())).first->second;
  }

  std::filesystem::path path_;
  std::vector<MappedFile> files_;
  TensorTable tensors_;
};

}  // namespace

std::unique_ptr<WeightSource> open_safetensors(const std::filesystem::path& path) {
  auto source = std::make_unique<SafetensorsFiles>(path);
  if (path.extension() == ".json")
    source->read_index();
  else
    source->read_single();
  return source;
}

std::unique_ptr<WeightSource> open_safetensors(std::span<const std::byte> bytes, std::string where) {
  return std::make_unique<SafetensorsBytes>(bytes, std::move(where));
}

}  // namespace pent
