// Reading GGUF v2 and v3, little-endian (layout: docs/formats.md).
//   "GGUF" u32 version u64 n_tensors u64 n_kv | n_kv × (key, u32 type, value) | n_tensors × info | pad | tensor data
// Nothing in the file is believed: counts are held against the bytes that are left before anything is reserved for them.
#include "io/gguf.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/error.h"
#include "base/mapped_file.h"
#include "io/byte_reader.h"
#include "io/gguf_split.h"
#include "io/gguf_types.h"
#include "io/tensor_table.h"

namespace pent {
namespace {

constexpr uint64_t kDefaultAlignment = 32;
constexpr uint64_t kMaxAlignment = 1 << 20;
constexpr uint64_t kMaxKeyBytes = 65535;
constexpr uint64_t kMaxTensorNameBytes = 1024;
constexpr uint64_t kMaxArrayElements = uint64_t{1} << 25;  // in the whole file; vocabularies have 2^18
constexpr uint64_t kMinPairBytes = 8 + 1 + 4 + 1;          // key of one byte, type, value of one byte
constexpr uint64_t kMinTensorInfoBytes = 8 + 1 + 4 + 4 + 8;
constexpr uint32_t kMaxAxes = 4;

// The numbers of the format.
enum ValueType : uint32_t {
  kU8,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kF32,
  kBool,
  kString,
  kArray,
  kU64,
  kI64,
  kF64,
  kValueTypes
};
constexpr uint64_t kMinValueBytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8};

struct Metadata {
  std::map<std::string, GgufValue> values;
  std::vector<GgufStoredPair> stored;  // keys point into `values`
};

class MetadataReader {
 public:
  // `reader` reads `bytes` from their beginning on.
  MetadataReader(ByteReader& reader, std::span<const std::byte> bytes, const std::string& where)
      : reader_(reader), bytes_(bytes), where_(where) {}

  Metadata read(uint64_t count) {
    Metadata metadata;
    for (uint64_t i = 0; i < count; ++i) {
      std::string key = reader_.read_string("metadata key", kMaxKeyBytes);
      if (key.empty()) throw error(ErrorKind::kCorrupt, "{}: metadata pair {} has an empty key", where_, i);
      key_ = fmt::format("metadata '{}'", printable(key));
      const uint64_t begin = reader_.position();
      const auto type = read_type();
      const auto [entry, is_new] =
          metadata.values.emplace(std::move(key), type == kArray ? read_array() : read_scalar(type));
      if (!is_new) throw error(ErrorKind::kCorrupt, "{}: {} occurs twice", where_, key_);
      metadata.stored.push_back({entry->first, bytes_.subspan(begin, reader_.position() - begin)});
    }
    return metadata;
  }

 private:
  ValueType read_type() {
    const auto type = reader_.read<uint32_t>(key_.c_str());
    if (type >= kValueTypes)
      throw error(ErrorKind::kCorrupt, "{}: {} has the unknown value type {}", where_, key_, type);
    return static_cast<ValueType>(type);
  }

  bool read_bool() {
    const auto value = reader_.read<uint8_t>(key_.c_str());
    if (value > 1) throw error(ErrorKind::kCorrupt, "{}: {} is a bool with the value {}", where_, key_, value);
    return value == 1;
  }

  int64_t read_integer(ValueType type) {
    const char* what = key_.c_str();
    switch (type) {
      case kU8: return reader_.read<uint8_t>(what);
      case kI8: return reader_.read<int8_t>(what);
      case kU16: return reader_.read<uint16_t>(what);
      case kI16: return reader_.read<int16_t>(what);
      case kU32: return reader_.read<uint32_t>(what);
      case kI32: return reader_.read<int32_t>(what);
      case kBool: return read_bool();
      case kI64: return reader_.read<int64_t>(what);
      default: break;
    }
    const auto value = reader_.read<uint64_t>(what);
    if (value > uint64_t{INT64_MAX})
      throw error(ErrorKind::kCorrupt, "{}: {} holds {}, beyond 2^63", where_, key_, value);
    return static_cast<int64_t>(value);
  }

  double read_float(ValueType type) {
    return type == kF32 ? reader_.read<float>(key_.c_str()) : reader_.read<double>(key_.c_str());
  }

  GgufValue read_scalar(ValueType type) {
    switch (type) {
      case kBool: return read_bool();
      case kString: return reader_.read_string(key_.c_str());
      case kF32:
      case kF64: return read_float(type);
      case kI8:
      case kI16:
      case kI32:
      case kI64: return read_integer(type);
      case kU64: return reader_.read<uint64_t>(key_.c_str());
      default: return static_cast<uint64_t>(read_integer(type));
    }
  }

  GgufValue read_array() {
    const auto type = read_type();
    if (type == kArray)
      throw error(ErrorKind::kUnsupported, "{}: {} is an array of arrays, which is not supported", where_, key_);
    const auto count = reader_.read<uint64_t>(key_.c_str());
    reader_.check_count(count, key_.c_str(), kMinValueBytes[type]);
    if (count > kMaxArrayElements - array_elements_) {
      throw error(ErrorKind::kResourceExhausted, "{}: {} brings the arrays to more than {} elements in all", where_,
                  key_, kMaxArrayElements);
    }
    array_elements_ += count;
    if (type == kString) return read_elements<std::string>(count, [&] { return reader_.read_string(key_.c_str()); });
    if (type == kF32 || type == kF64) return read_elements<double>(count, [&] { return read_float(type); });
    return read_elements<int64_t>(count, [&] { return read_integer(type); });
  }

  template <typename T, typename ReadOne>
  static std::vector<T> read_elements(uint64_t count, ReadOne read_one) {
    std::vector<T> elements;
    elements.reserve(count);
    for (uint64_t i = 0; i < count; ++i) elements.push_back(read_one());
    return elements;
  }

  ByteReader& reader_;
  std::span<const std::byte> bytes_;
  const std::string& where_;
  std::string key_;  // what is being read, for messages
  uint64_t array_elements_ = 0;
};

struct TensorInfo {
  std::string name;
  DType dtype;
  std::vector<int64_t> shape;  // [out, in]: the file's order turned round
  uint64_t offset, bytes;      // within the data section
};

TensorInfo read_tensor_info(ByteReader& reader, uint64_t alignment, const std::string& file) {
  TensorInfo info{.name = reader.read_string("tensor name", kMaxTensorNameBytes),
                  .dtype = {},
                  .shape = {},
                  .offset = 0,
                  .bytes = 0};
  const std::string where = fmt::format("{}: tensor '{}'", file, printable(info.name));
  if (info.name.empty()) throw error(ErrorKind::kCorrupt, "{} has an empty name", where);
  const auto axes = reader.read<uint32_t>("number of axes");
  if (axes == 0 || axes > kMaxAxes)
    throw error(ErrorKind::kCorrupt, "{} has {} axes, expected 1 to {}", where, axes, kMaxAxes);
  info.shape.resize(axes);
  for (uint32_t i = 0; i < axes; ++i) {
    const auto length = reader.read<uint64_t>("tensor shape");
    if (length > uint64_t{INT64_MAX}) throw error(ErrorKind::kCorrupt, "{} has an axis of length {}", where, length);
    info.shape[axes - 1 - i] = static_cast<int64_t>(length);
  }
  const auto ggml_type = reader.read<uint32_t>("tensor type");
  const auto dtype = dtype_of_ggml_type(ggml_type);
  if (!dtype) {
    throw error(ErrorKind::kUnsupported, "{} is stored as {}, which this build does not read (it reads {})", where,
                ggml_type_name(ggml_type), readable_ggml_types());
  }
  info.dtype = *dtype;
  const auto bytes = checked_tensor_bytes(info.dtype, info.shape);
  if (!bytes) {
    throw error(ErrorKind::kCorrupt,
                "{}: shape {} is too large, or its last axis is not a multiple of the {} elements of a {} block", where,
                shape_text(info.shape), dtype_info(info.dtype).block_size, dtype_info(info.dtype).name);
  }
  info.bytes = *bytes;
  info.offset = reader.read<uint64_t>("tensor offset");
  if (info.offset % alignment != 0) {
    throw error(ErrorKind::kCorrupt, "{} starts at byte {}, which is not a multiple of the alignment {}", where,
                info.offset, alignment);
  }
  return info;
}

void check_extents(std::vector<TensorInfo>& infos, uint64_t data_bytes, const std::string& where) {
  std::vector<const TensorInfo*> order;
  for (const TensorInfo& info : infos) {
    if (info.offset > data_bytes || info.bytes > data_bytes - info.offset) {
      throw error(ErrorKind::kCorrupt,
                  "{}: tensor '{}' takes {} bytes from byte {} of the data, which has {}: the file is cut off "
                  "or corrupt",
                  where, printable(info.name), info.bytes, info.offset, data_bytes);
    }
    if (info.bytes > 0) order.push_back(&info);
  }
  std::sort(order.begin(), order.end(), [](const TensorInfo* a, const TensorInfo* b) { return a->offset < b->offset; });
  for (size_t i = 1; i < order.size(); ++i) {
    if (order[i - 1]->offset + order[i - 1]->bytes > order[i]->offset) {
      throw error(ErrorKind::kCorrupt, "{}: tensors '{}' and '{}' overlap", where, printable(order[i - 1]->name),
                  printable(order[i]->name));
    }
  }
}

class GgufReader : public GgufFile {
 public:
  explicit GgufReader(MappedFile file) : where_(file.path().string()), file_(std::move(file)) {
    parse(file_->bytes());
    check_intact();
  }
  GgufReader(std::span<const std::byte> bytes, std::string where) : where_(std::move(where)) { parse(bytes); }

  std::vector<std::string> names() const override { return tensors_.names(); }
  const TensorView* find(std::string_view name) const override { return tensors_.find(name); }
  std::string describe() const override { return where_; }
  std::vector<std::filesystem::path> files() const override {
    if (!file_) return {};
    return {file_->path()};
  }
  void check_intact() const override {
    if (file_) file_->check_intact();
  }

  int version() const override { return version_; }
  const std::map<std::string, GgufValue>& metadata() const override { return metadata_.values; }
  std::vector<GgufStoredPair> stored_pairs() const override { return metadata_.stored; }

  std::optional<int64_t> get_int(const std::string& key) const override {
    const GgufValue* value = find_value(key);
    if (!value) return std::nullopt;
    if (const auto* number = std::get_if<int64_t>(value)) return *number;
    const auto* number = std::get_if<uint64_t>(value);
    if (!number || *number > uint64_t{INT64_MAX}) throw_wrong_type(key, "an integer below 2^63");
    return static_cast<int64_t>(*number);
  }
  std::optional<double> get_number(const std::string& key) const override {
    const GgufValue* value = find_value(key);
    if (!value) return std::nullopt;
    if (const auto* number = std::get_if<double>(value)) return *number;
    if (const auto* number = std::get_if<uint64_t>(value)) return static_cast<double>(*number);
    if (const auto* number = std::get_if<int64_t>(value)) return static_cast<double>(*number);
    throw_wrong_type(key, "a number");
  }
  std::optional<bool> get_bool(const std::string& key) const override {
    const bool* value = get<bool>(key, "true or false");
    return value ? std::optional(*value) : std::nullopt;
  }
  std::optional<std::string> get_string(const std::string& key) const override {
    const std::string* value = get<std::string>(key, "a string");
    return value ? std::optional(*value) : std::nullopt;
  }
  const std::vector<std::string>* get_strings(const std::string& key) const override {
    return get<std::vector<std::string>>(key, "an array of strings");
  }
  const std::vector<int64_t>* get_ints(const std::string& key) const override {
    return get<std::vector<int64_t>>(key, "an array of integers");
  }

 private:
  void parse(std::span<const std::byte> bytes) {
    ByteReader reader(bytes, where_);
    read_version(reader);
    const uint64_t tensor_count = reader.read_count("the number of tensors", kMinTensorInfoBytes);
    const uint64_t pair_count = reader.read_count("the number of metadata pairs", kMinPairBytes);
    metadata_ = MetadataReader(reader, bytes, where_).read(pair_count);
    const uint64_t alignment = read_alignment();
    std::vector<TensorInfo> infos;
    infos.reserve(tensor_count);
    for (uint64_t i = 0; i < tensor_count; ++i) infos.push_back(read_tensor_info(reader, alignment, where_));

    const uint64_t data_begin =
        std::min<uint64_t>((reader.position() + alignment - 1) / alignment * alignment, bytes.size());
    const auto data = bytes.subspan(data_begin);
    check_extents(infos, data.size(), where_);
    for (TensorInfo& info : infos) {
      TensorView view{.name = {},
                      .dtype = info.dtype,
                      .shape = std::move(info.shape),
                      .bytes = data.subspan(info.offset, info.bytes)};
      if (!tensors_.add(info.name, std::move(view))) {
        throw error(ErrorKind::kCorrupt, "{}: tensor '{}' occurs twice", where_, printable(info.name));
      }
    }
  }

  void read_version(ByteReader& reader) {
    if (reader.remaining() < 4 || std::memcmp(reader.take(4, "the magic number").data(), "GGUF", 4) != 0) {
      throw error(ErrorKind::kCorrupt, "{}: not a GGUF file (it does not start with 'GGUF')", where_);
    }
    const auto version = reader.read<uint32_t>("the version");
    if (version != 0 && (version & 0xFFFF) == 0) {
      throw error(ErrorKind::kUnsupported, "{}: a big-endian GGUF file; convert it to little-endian", where_);
    }
    if (version != 2 && version != 3) {
      throw error(ErrorKind::kUnsupported, "{}: GGUF version {}, this build reads 2 and 3", where_, version);
    }
    version_ = static_cast<int>(version);
  }

  uint64_t read_alignment() const {
    const auto alignment = static_cast<uint64_t>(get_int("general.alignment").value_or(kDefaultAlignment));
    if (!std::has_single_bit(alignment) || alignment > kMaxAlignment) {
      throw error(ErrorKind::kCorrupt, "{}: general.alignment is {}, expected a power of two up to {}", where_,
                  static_cast<int64_t>(alignment), kMaxAlignment);
    }
    return alignment;
  }

  const GgufValue* find_value(const std::string& key) const {
    const auto found = metadata_.values.find(key);
    return found == metadata_.values.end() ? nullptr : &found->second;
  }

  template <typename T>
  const T* get(const std::string& key, const char* expected) const {
    const GgufValue* value = find_value(key);
    if (!value) return nullptr;
    const T* typed = std::get_if<T>(value);
    if (!typed) throw_wrong_type(key, expected);
    return typed;
  }

  [[noreturn]] void throw_wrong_type(const std::string& key, const char* expected) const {
    throw error(ErrorKind::kCorrupt, "{}: metadata '{}' is not {}", where_, key, expected);
  }

  std::string where_;
  std::optional<MappedFile> file_;  // empty when the bytes are borrowed
  int version_ = 0;
  Metadata metadata_;
  TensorTable tensors_;
};

}  // namespace

std::unique_ptr<GgufFile> open_one_gguf(const std::filesystem::path& path) {
  return std::make_unique<GgufReader>(MappedFile::open(path));
}

std::unique_ptr<GgufFile> open_one_gguf(std::span<const std::byte> bytes, std::string where) {
  return std::make_unique<GgufReader>(bytes, std::move(where));
}

std::unique_ptr<GgufFile> open_gguf(const std::filesystem::path& path) {
  auto file = open_one_gguf(path);
  return file->get_int("split.count").value_or(1) > 1 ? open_split_gguf(path, std::move(file)) : std::move(file);
}

std::unique_ptr<GgufFile> open_gguf(std::span<const std::byte> bytes, std::string where) {
  auto file = open_one_gguf(bytes, std::move(where));
  if (const auto count = file->get_int("split.count").value_or(1); count > 1) {
    throw error(ErrorKind::kUnsupported, "{}: one part of a model split into {} files, which bytes cannot stand for",
                file->describe(), count);
  }
  return file;
}

}  // namespace pent
