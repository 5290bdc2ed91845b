#include "io/gguf_write.h"

#include "base/error.h"
#include "io/gguf_types.h"
#include "io/tensor_table.h"

namespace pent {
namespace {

constexpr uint64_t kAlignment = 32;  // the format's default: no key needed
constexpr uint32_t kVersion = 3;

uint64_t aligned(uint64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

class Header {
 public:
  template <typename T>
  void number(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  void text(const std::string& value) {
    number<uint64_t>(value.size());
    bytes_ += value;
  }
  // The type's number in the format, then the value.
  void value(uint32_t value) { typed(4, value); }
  void value(int32_t value) { typed(5, value); }
  void value(float value) { typed(6, value); }
  void value(bool value) { typed(7, static_cast<uint8_t>(value)); }
  void value(const std::string& value) {
    number<uint32_t>(8);
    text(value);
  }
  void value(const std::vector<uint8_t>& values) { array(0, values); }
  void value(const std::vector<int32_t>& values) { array(5, values); }
  void value(const std::vector<float>& values) { array(6, values); }
  void value(const std::vector<std::string>& values) {
    array_head(8, values.size());
    for (const std::string& each : values) text(each);
  }
  void value(const GgufStoredValue& stored) {
    bytes_.append(reinterpret_cast<const char*>(stored.bytes.data()), stored.bytes.size());
  }
  std::string take() {
    bytes_.resize(aligned(bytes_.size()));
    return std::move(bytes_);
  }

 private:
  template <typename T>
  void typed(uint32_t type, T value) {
    number(type);
    number(value);
  }
  template <typename T>
  void array(uint32_t type, const std::vector<T>& values) {
    array_head(type, values.size());
    for (const T each : values) number(each);
  }
  void array_head(uint32_t type, uint64_t count) {
    number<uint32_t>(9);
    number(type);
    number(count);
  }

  std::string bytes_ = "GGUF";
};

// Bytes of each tensor, checked.
std::vector<uint64_t> sizes_of(const std::vector<StreamedTensor>& tensors, const std::string& where) {
  check_names_differ(tensors, where);
  std::vector<uint64_t> sizes;
  for (const StreamedTensor& tensor : tensors) {
    const auto bytes = checked_tensor_bytes(tensor.dtype, tensor.shape);
    if (!bytes || tensor.shape.empty() || !ggml_type_of_dtype(tensor.dtype)) {
      throw error(ErrorKind::kInvalidArgument, "{}: tensor '{}' {} {} cannot be stored in GGUF", where, tensor.name,
                  dtype_info(tensor.dtype).name, shape_text(tensor.shape));
    }
    sizes.push_back(*bytes);
  }
  return sizes;
}

std::string make_header(const GgufPairs& metadata, const std::vector<StreamedTensor>& tensors,
                        const std::vector<uint64_t>& sizes) {
  Header header;
  header.number(kVersion);
  header.number<uint64_t>(tensors.size());
  header.number<uint64_t>(metadata.size());
  for (const auto& [key, value] : metadata) {
    header.text(key);
    std::visit([&](const auto& typed) { header.value(typed); }, value);
  }
  uint64_t offset = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const StreamedTensor& tensor = tensors[i];
    header.text(tensor.name);
    header.number(static_cast<uint32_t>(tensor.shape.size()));
    for (auto axis = tensor.shape.rbegin(); axis != tensor.shape.rend(); ++axis)
      header.number(static_cast<uint64_t>(*axis));
    header.number(*ggml_type_of_dtype(tensor.dtype));
    header.number(offset);
    offset += aligned(sizes[i]);
  }
  return header.take();
}

}  // namespace

void write_gguf(const std::filesystem::path& path, const GgufPairs& metadata,
                const std::vector<StreamedTensor>& tensors) {
  const std::vector<uint64_t> sizes = sizes_of(tensors, path.string());
  const std::string header = make_header(metadata, tensors, sizes);
  write_file_atomically(path, [&](const ByteSink& sink) {
    sink(header.data(), header.size());
    for (size_t i = 0; i < tensors.size(); ++i) {
      write_streamed(tensors[i], sizes[i], path.string(), sink);
      const char padding[kAlignment] = {};
      sink(padding, aligned(sizes[i]) - sizes[i]);
    }
  });
}

}  // namespace pent
