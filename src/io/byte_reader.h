// Little-endian numbers and strings out of untrusted bytes.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include "base/error.h"

namespace pent {

// A cursor that cannot leave its bytes.
class ByteReader {
 public:
  ByteReader(std::span<const std::byte> bytes, const std::string& where) : bytes_(bytes), where_(where) {}

  uint64_t position() const { return position_; }
  uint64_t remaining() const { return bytes_.size() - position_; }

  std::span<const std::byte> take(uint64_t count, const char* what) {
    if (count > remaining()) {
      throw error(ErrorKind::kCorrupt, "{}: {} at byte {} needs {} bytes, {} are left: the file is cut off or corrupt",
                  where_, what, position_, count, remaining());
    }
    const auto taken = bytes_.subspan(position_, count);
    position_ += count;
    return taken;
  }

  template <typename T>
  T read(const char* what) {
    T value;
    std::memcpy(&value, take(sizeof(T), what).data(), sizeof(T));
    return value;
  }

  std::string read_string(const char* what, uint64_t limit = UINT64_MAX) {
    const auto length = read<uint64_t>(what);
    if (length > limit)
      throw error(ErrorKind::kCorrupt, "{}: {} of {} bytes, at most {} are allowed", where_, what, length, limit);
    const auto bytes = take(length, what);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  // A number of things to follow, each at least `min_bytes` long.
  uint64_t read_count(const char* what, uint64_t min_bytes) {
    const auto count = read<uint64_t>(what);
    check_count(count, what, min_bytes);
    return count;
  }

  void check_count(uint64_t count, const char* what, uint64_t min_bytes) const {
    if (count > remaining() / min_bytes) {
      throw error(ErrorKind::kCorrupt, "{}: {} is {}, more than the remaining {} bytes can hold", where_, what, count,
                  remaining());
    }
  }

 private:
  std::span<const std::byte> bytes_;
  const std::string& where_;
  uint64_t position_ = 0;
};

}  // namespace pent
