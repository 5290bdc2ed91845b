// A file mapped read-only into memory, and atomic writing of files.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace pent {

// Owns the mapping; bytes() is valid for its lifetime. Movable, not copyable. Safe to read from many
// threads. A file that shrinks while mapped would raise SIGBUS on the next touch: the process-wide
// handler installed by the first MappedFile replaces the lost page by zeroes and marks the mapping, so
// that check_intact() throws kIo naming the file instead of the process dying.
class MappedFile {
 public:
  static MappedFile open(const std::filesystem::path& path);  // throws kNotFound, kIo
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::filesystem::path& path() const { return path_; }
  // Throws kIo if a page of this file was found missing, or the file is shorter than when it was mapped (call after reading).
  void check_intact() const;

 private:
  MappedFile() = default;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
  int slot_ = -1;  // entry in the SIGBUS handler's table
  int fd_ = -1;    // kept to see whether the file shrank
  std::filesystem::path path_;
};

// The whole file as a string; throws kNotFound, kIo, or kResourceExhausted beyond `limit` bytes.
std::string read_file(const std::filesystem::path& path, size_t limit = size_t{1} << 30);

// Writes path.tmp-PID, fsyncs, renames over path, fsyncs the directory: readers see the old file or the
// whole new one, and a full disk leaves the old one alone. `write` is handed a sink to call with pieces.
using ByteSink = std::function<void(const void* data, size_t size)>;
void write_file_atomically(const std::filesystem::path& path, const std::function<void(const ByteSink&)>& write);
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

}  // namespace pent
