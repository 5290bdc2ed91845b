// GGUF files made in code, byte by byte, so that tests can also make wrong ones.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pent {

class GgufBuilder {
 public:
  // Numbers of the format: value types and element types.
  enum Value : uint32_t { kU8, kI8, kU16, kI16, kU32, kI32, kF32, kBool, kString, kArray, kU64, kI64, kF64 };
  enum Element : uint32_t { kElementF32 = 0, kElementF16 = 1, kElementQ4_0 = 2, kElementQ4_1 = 3, kElementQ8_0 = 8 };

  uint32_t version = 3;
  uint64_t alignment = 32;

  // Metadata: value is the raw bytes that follow the type.
  GgufBuilder& pair(std::string_view key, uint32_t type, const std::string& value) {
    ++pair_count_;
    pairs_ += text(key) + raw(type) + value;
    return *this;
  }
  template <typename T>
  GgufBuilder& scalar(std::string_view key, uint32_t type, T value) {
    return pair(key, type, raw(value));
  }
  GgufBuilder& string(std::string_view key, std::string_view value) { return pair(key, kString, text(value)); }
  GgufBuilder& strings(std::string_view key, const std::vector<std::string>& values) {
    std::string elements;
    for (const std::string& value : values) elements += text(value);
    return pair(key, kArray, raw<uint32_t>(kString) + raw<uint64_t>(values.size()) + elements);
  }
  template <typename T>
  GgufBuilder& array(std::string_view key, uint32_t type, const std::vector<T>& values) {
    std::string elements;
    for (const T value : values) elements += raw(value);
    return pair(key, kArray, raw(type) + raw<uint64_t>(values.size()) + elements);
  }

  // `axes` in the file's order (contiguous axis first); data is appended at the next aligned offset.
  GgufBuilder& tensor(std::string_view name, const std::vector<uint64_t>& axes, uint32_t type, std::string_view data) {
    data_.resize((data_.size() + alignment - 1) / alignment * alignment);
    info(name, axes, type, data_.size());
    data_ += data;
    return *this;
  }
  // Only the description, with any offset.
  GgufBuilder& info(std::string_view name, const std::vector<uint64_t>& axes, uint32_t type, uint64_t offset) {
    ++tensor_count_;
    infos_ += text(name) + raw(static_cast<uint32_t>(axes.size()));
    for (const uint64_t axis : axes) infos_ += raw(axis);
    infos_ += raw(type) + raw(offset);
    return *this;
  }

  std::string build() const {
    std::string file = "GGUF" + raw(version) + raw(tensor_count_) + raw(pair_count_) + pairs_ + infos_;
    if (!data_.empty()) file.resize((file.size() + alignment - 1) / alignment * alignment);
    return file + data_;
  }

  template <typename T>
  static std::string raw(T value) {
    return {reinterpret_cast<const char*>(&value), sizeof(T)};
  }
  static std::string text(std::string_view value) { return raw<uint64_t>(value.size()).append(value); }

 private:
  uint64_t pair_count_ = 0, tensor_count_ = 0;
  std::string pairs_, infos_, data_;
};

}  // namespace pent
