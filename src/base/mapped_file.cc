// Files: read-only mappings that survive truncation, whole-file reads, atomic writes. POSIX lives here.
//
// Note [Lost pages]. Touching a mapped page beyond the end of a file that has shrunk raises SIGBUS. Our handler looks the
// address up in a fixed table of live mappings (atomics only: it may interrupt anything), puts zero pages over the rest of
// that mapping, marks the table's entry, and lets the instruction run again. Whoever read the zeroes learns of it from
// check_intact(). Addresses that are not ours go to the handler that was there before.
#include "base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <utility>
#include <vector>

#include "base/error.h"

namespace pent {
namespace {

struct MappingSlot {
  std::atomic<bool> used{false};
  std::atomic<uintptr_t> begin{0};  // 0: nothing mapped
  std::atomic<uintptr_t> end{0};
  std::atomic<bool> lost{false};
};
constinit std::array<MappingSlot, 1024> g_slots;
uintptr_t g_page_size = 4096;
struct sigaction g_previous_action;

bool replace_lost_pages(void* fault) {
  const auto address = reinterpret_cast<uintptr_t>(fault);
  for (MappingSlot& slot : g_slots) {
    const uintptr_t begin = slot.begin.load(std::memory_order_acquire);
    const uintptr_t end = slot.end.load(std::memory_order_relaxed);
    if (begin == 0 || address < begin || address >= end) continue;
    const uintptr_t offset = address & (g_page_size - 1);
    void* page = static_cast<char*>(fault) - offset;
    // The whole rest, not one page: a large file would need more mappings than the kernel grants.
    void* zeroes =
        mmap(page, end - (address - offset), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
    if (zeroes == MAP_FAILED) return false;
    slot.lost.store(true, std::memory_order_release);
    return true;
  }
  return false;
}

void on_sigbus(int signal, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  const bool ours = replace_lost_pages(info->si_addr);
  errno = saved_errno;
  if (ours) return;
  if (g_previous_action.sa_flags & SA_SIGINFO) {
    g_previous_action.sa_sigaction(signal, info, context);
  } else if (g_previous_action.sa_handler == SIG_DFL || g_previous_action.sa_handler == SIG_IGN) {
    ::signal(SIGBUS, SIG_DFL);  // the instruction faults again and ends the process
  } else {
    g_previous_action.sa_handler(signal);
  }
}

void install_sigbus_handler() {
  static std::once_flag once;
  std::call_once(once, [] {
    g_page_size = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
    struct sigaction action = {};
    action.sa_sigaction = on_sigbus;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, &g_previous_action);
  });
}

int register_mapping(const void* data, size_t size) {
  for (size_t i = 0; i < g_slots.size(); ++i) {
    MappingSlot& slot = g_slots[i];
    if (slot.used.exchange(true, std::memory_order_acquire)) continue;
    slot.lost.store(false, std::memory_order_relaxed);
    slot.end.store(reinterpret_cast<uintptr_t>(data) + size, std::memory_order_relaxed);
    slot.begin.store(reinterpret_cast<uintptr_t>(data), std::memory_order_release);
    return static_cast<int>(i);
  }
  return -1;
}

void unregister_mapping(int index) {
  g_slots[index].begin.store(0, std::memory_order_release);
  g_slots[index].used.store(false, std::memory_order_release);
}

// Closes on every way out.
class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

[[noreturn]] void throw_errno(const std::filesystem::path& path, const char* action, int code) {
  if (code == ENOENT || code == ENOTDIR) throw error(ErrorKind::kNotFound, "{}: no such file", path.string());
  if (code == ENOSPC || code == EDQUOT || code == EFBIG) {
    throw error(ErrorKind::kResourceExhausted,
                "{}: disk full, or over a quota or file size limit ({}); make room and try again", path.string(),
                std::strerror(code));
  }
  throw error(ErrorKind::kIo, "{}: cannot {}: {}", path.string(), action, std::strerror(code));
}

FileDescriptor open_for_reading(const std::filesystem::path& path, int extra_flags) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | extra_flags);
  if (fd < 0) throw_errno(path, "open", errno);
  return FileDescriptor(fd);
}

}  // namespace

MappedFile MappedFile::open(const std::filesystem::path& path) {
  // O_NONBLOCK: opening a pipe by mistake must fail below, not hang.
  FileDescriptor fd = open_for_reading(path, O_NONBLOCK);
  struct stat status;
  if (fstat(fd.get(), &status) != 0) throw_errno(path, "examine", errno);
  if (!S_ISREG(status.st_mode)) {
    throw error(ErrorKind::kIo, "{}: is {}, expected a file", path.string(),
                S_ISDIR(status.st_mode) ? "a directory" : "a device or pipe");
  }
  MappedFile file;
  file.path_ = path;
  file.size_ = static_cast<size_t>(status.st_size);
  if (file.size_ > 0) {
    install_sigbus_handler();
    void* data = mmap(nullptr, file.size_, PROT_READ, MAP_SHARED, fd.get(), 0);
    if (data == MAP_FAILED) throw_errno(path, "map", errno);
    file.data_ = static_cast<const std::byte*>(data);
    file.slot_ = register_mapping(data, file.size_);
    if (file.slot_ < 0) {
      throw error(ErrorKind::kResourceExhausted, "{}: {} files are mapped already", path.string(), g_slots.size());
    }
  }
  file.fd_ = fd.release();
  return file;
}

MappedFile::MappedFile(MappedFile&& other) noexcept { *this = std::move(other); }

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(slot_, other.slot_);
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  return *this;
}

MappedFile::~MappedFile() {
  if (slot_ >= 0) unregister_mapping(slot_);
  if (data_) munmap(const_cast<std::byte*>(data_), size_);
  if (fd_ >= 0) ::close(fd_);
}

void MappedFile::check_intact() const {
  // Bytes cut from the last page that is left read as zeroes without a signal, hence the look at the size.
  struct stat status;
  const bool shrunk = fd_ >= 0 && fstat(fd_, &status) == 0 && static_cast<size_t>(status.st_size) < size_;
  if (shrunk || (slot_ >= 0 && g_slots[slot_].lost.load(std::memory_order_acquire))) {
    throw error(ErrorKind::kIo, "{}: the file was cut short or became unreadable while it was being read",
                path_.string());
  }
}

std::string read_file(const std::filesystem::path& path, size_t limit) {
  FileDescriptor fd = open_for_reading(path, 0);
  std::string content;
  struct stat status;
  if (fstat(fd.get(), &status) == 0 && S_ISREG(status.st_mode)) {
    content.reserve(std::min(limit, static_cast<size_t>(status.st_size)) + 1);
  }
  for (;;) {
    const size_t size = content.size();
    content.resize(std::max(content.capacity(), size + 65536));
    const ssize_t count = ::read(fd.get(), content.data() + size, content.size() - size);
    const int code = errno;
    content.resize(size + static_cast<size_t>(std::max<ssize_t>(count, 0)));
    if (count < 0 && code != EINTR) throw_errno(path, "read", code);
    if (content.size() > limit) {
      throw error(ErrorKind::kResourceExhausted, "{}: longer than the {} bytes allowed here", path.string(), limit);
    }
    if (count == 0) return content;
  }
}

namespace {

// The temporary file of an atomic write: gone again unless commit() was reached.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::filesystem::path& target)
      : target_(target),
        path_(target.string() + ".tmp-" + std::to_string(::getpid())),
        fd_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666)) {
    if (fd_.get() < 0) {
      if (errno == ENOENT) throw error(ErrorKind::kNotFound, "{}: its folder does not exist", target.string());
      throw_errno(target, "create", errno);
    }
    buffer_.reserve(kBufferBytes);
  }
  ~TemporaryFile() {
    if (!committed_) ::unlink(path_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  void append(const char* data, size_t size) {
    if (buffer_.size() + size > kBufferBytes) flush();
    if (size >= kBufferBytes)
      write_all(data, size);
    else
      buffer_.insert(buffer_.end(), data, data + size);
  }

  void commit() {
    flush();
    if (::fsync(fd_.get()) != 0) throw_errno(target_, "write", errno);
    if (::close(fd_.release()) != 0) throw_errno(target_, "write", errno);
    if (::rename(path_.c_str(), target_.c_str()) != 0) throw_errno(target_, "replace", errno);
    committed_ = true;
    // The rename itself must reach the disk. Some file systems refuse to sync a directory: nothing more can be done there.
    const std::filesystem::path folder = target_.has_parent_path() ? target_.parent_path() : ".";
    const FileDescriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (directory.get() >= 0) ::fsync(directory.get());
  }

 private:
  static constexpr size_t kBufferBytes = size_t{1} << 18;

  void flush() {
    write_all(buffer_.data(), buffer_.size());
    buffer_.clear();
  }

  void write_all(const char* data, size_t size) {
    while (size > 0) {
      const ssize_t count = ::write(fd_.get(), data, size);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) throw_errno(target_, "write", errno);
      data += count;
      size -= static_cast<size_t>(count);
    }
  }

  const std::filesystem::path target_;
  const std::string path_;
  FileDescriptor fd_;
  std::vector<char> buffer_;
  bool committed_ = false;
};

}  // namespace

void write_file_atomically(const std::filesystem::path& path, const std::function<void(const ByteSink&)>& write) {
  TemporaryFile file(path);
  write([&file](const void* data, size_t size) { file.append(static_cast<const char*>(data), size); });
  file.commit();
}

void write_file_atomically(const std::filesystem::path& path, std::string_view content) {
  write_file_atomically(path, [content](const ByteSink& sink) { sink(content.data(), content.size()); });
}

}  // namespace pent
