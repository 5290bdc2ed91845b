// Writing .safetensors: the header padded to a multiple of 8 and wider types first, so that every tensor is aligned.
#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "io/tensor_table.h"
#include "io/weight_source.h"

namespace pent {
namespace {

// Which tensors come first. The order is that of the format's own writer, so equal models give equal files.
int dtype_rank(DType type) {
  static constexpr DType kOrder[] = {DType::kI64, DType::kF64, DType::kF32, DType::kI32, DType::kBF16,
                                     DType::kF16, DType::kI16, DType::kI8,  DType::kU8,  DType::kBool};
  return static_cast<int>(std::find(std::begin(kOrder), std::end(kOrder), type) - std::begin(kOrder));
}

// Bytes of a tensor, checked.
uint64_t size_of(const StreamedTensor& tensor, const std::string& where) {
  const DTypeInfo& info = dtype_info(tensor.dtype);
  if (info.block_size != 1) {
    throw error(ErrorKind::kInvalidArgument, "{}: tensor '{}' is {}, which safetensors cannot hold", where, tensor.name,
                info.name);
  }
  const auto bytes = checked_tensor_bytes(tensor.dtype, tensor.shape);
  if (tensor.name == "__metadata__" || !bytes) {
    throw error(ErrorKind::kInvalidArgument, "{}: a tensor cannot be named '{}' with the shape {}", where, tensor.name,
                shape_text(tensor.shape));
  }
  return *bytes;
}

struct Placed {
  const StreamedTensor* tensor;
  uint64_t size;
};

std::string make_header(const std::vector<Placed>& order,
                        const std::vector<std::pair<std::string, std::string>>& metadata) {
  Json header = Json::object();
  for (const auto& [key, value] : metadata) header["__metadata__"][key] = value;
  uint64_t offset = 0;
  for (const auto& [tensor, size] : order) {
    const uint64_t end = offset + size;
    header[tensor->name] = {
        {"dtype", dtype_info(tensor->dtype).name}, {"shape", tensor->shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = to_json_line(header);
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, const std::vector<StreamedTensor>& tensors,
                       const std::vector<std::pair<std::string, std::string>>& metadata) {
  check_names_differ(tensors, path.string());
  std::vector<Placed> order;
  for (const StreamedTensor& tensor : tensors) order.push_back({&tensor, size_of(tensor, path.string())});
  std::sort(order.begin(), order.end(), [](const Placed& a, const Placed& b) {
    return std::pair(dtype_rank(a.tensor->dtype), std::string_view(a.tensor->name)) <
           std::pair(dtype_rank(b.tensor->dtype), std::string_view(b.tensor->name));
  });
  const std::string header = make_header(order, metadata);
  const uint64_t header_bytes = header.size();
  write_file_atomically(path, [&](const ByteSink& sink) {
    sink(&header_bytes, sizeof(header_bytes));
    sink(header.data(), header.size());
    for (const auto& [tensor, size] : order) write_streamed(*tensor, size, path.string(), sink);
  });
}

void write_safetensors(const std::filesystem::path& path, const std::vector<TensorToWrite>& tensors,
                       const std::vector<std::pair<std::string, std::string>>& metadata) {
  std::vector<StreamedTensor> streamed;
  for (const TensorToWrite& tensor : tensors) {
    streamed.push_back({tensor.name, tensor.dtype, tensor.shape,
                        [bytes = tensor.bytes](const ByteSink& sink) { sink(bytes.data(), bytes.size()); }});
  }
  write_safetensors(path, streamed, metadata);
}

}  // namespace pent
