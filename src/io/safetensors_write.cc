// Writing .safetensors: the header padded to a multiple of 8 and wider types first, so that every tensor is aligned.
#include <algorithm>
#include <set>

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

void check_tensor(const TensorToWrite& tensor, const std::string& where) {
  const DTypeInfo& info = dtype_info(tensor.dtype);
  const auto bytes = checked_tensor_bytes(tensor.dtype, tensor.shape);
  if (info.block_size != 1) {
    throw error(ErrorKind::kInvalidArgument, "{}: tensor '{}' is {}, which safetensors cannot hold", where, tensor.name,
                info.name);
  }
  if (tensor.name == "__metadata__" || !bytes || *bytes != tensor.bytes.size()) {
    throw error(ErrorKind::kInvalidArgument, "{}: tensor '{}' {} {} does not fit its {} bytes", where, tensor.name,
                info.name, shape_text(tensor.shape), tensor.bytes.size());
  }
}

std::string make_header(const std::vector<const TensorToWrite*>& tensors,
                        const std::vector<std::pair<std::string, std::string>>& metadata) {
  Json header = Json::object();
  for (const auto& [key, value] : metadata) header["__metadata__"][key] = value;
  uint64_t offset = 0;
  for (const TensorToWrite* tensor : tensors) {
    const uint64_t end = offset + tensor->bytes.size();
    header[tensor->name] = {
        {"dtype", dtype_info(tensor->dtype).name}, {"shape", tensor->shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = to_json_line(header);
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, const std::vector<TensorToWrite>& tensors,
                       const std::vector<std::pair<std::string, std::string>>& metadata) {
  std::vector<const TensorToWrite*> order;
  std::set<std::string_view> names;
  for (const TensorToWrite& tensor : tensors) {
    check_tensor(tensor, path.string());
    if (!names.insert(tensor.name).second) {
      throw error(ErrorKind::kInvalidArgument, "{}: tensor '{}' is given twice", path.string(), tensor.name);
    }
    order.push_back(&tensor);
  }
  std::sort(order.begin(), order.end(), [](const TensorToWrite* a, const TensorToWrite* b) {
    return std::pair(dtype_rank(a->dtype), std::string_view(a->name)) <
           std::pair(dtype_rank(b->dtype), std::string_view(b->name));
  });
  const std::string header = make_header(order, metadata);
  const uint64_t header_bytes = header.size();
  write_file_atomically(path, [&](const ByteSink& sink) {
    sink(&header_bytes, sizeof(header_bytes));
    sink(header.data(), header.size());
    for (const TensorToWrite* tensor : order) sink(tensor->bytes.data(), tensor->bytes.size());
  });
}

}  // namespace pent
