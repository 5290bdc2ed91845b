#include "io/hub/download.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <exception>
#include <filesystem>
#include <mutex>
#include <thread>
#include <variant>

#include "base/mapped_file.h"
#include "base/sha.h"

namespace pent {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void throw_errno(const fs::path& path, const char* action) {
  const int code = errno;
  if (code == ENOSPC || code == EDQUOT || code == EFBIG)
    throw error(
        ErrorKind::kResourceExhausted,
        "{}: disk full, or over a quota ({}); make room, or set HF_HUB_CACHE to a larger disk, and pull again: it "
        "goes on where it stopped",
        path.string(), std::strerror(code));
  throw error(ErrorKind::kIo, "{}: cannot {}: {}", path.string(), action, std::strerror(code));
}

void make_folder(const fs::path& folder) {
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed)
    throw error(ErrorKind::kIo, "{}: cannot be made: {}; HF_HUB_CACHE or HF_HOME can name another place",
                folder.string(), failed.message());
}

class Descriptor {
 public:
  Descriptor(const fs::path& path, int flags) : path_(path), fd_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {
    if (fd_ < 0) throw_errno(path, "open");
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { ::close(fd_); }
  int get() const { return fd_; }
  uint64_t size() const {
    struct stat status;
    if (::fstat(fd_, &status) != 0) throw_errno(path_, "examine");
    return static_cast<uint64_t>(status.st_size);
  }

 private:
  fs::path path_;
  int fd_;
};

// The two ways of the hub to name content.
class ContentHash {
 public:
  explicit ContentHash(const HubFile& file) {
    if (file.large) return;
    Sha1 sha1;
    const std::string head = "blob " + std::to_string(file.size) + '\0';
    sha1.update(head.data(), head.size());
    hash_ = sha1;
  }
  void update(std::string_view bytes) {
    std::visit([&](auto& hash) { hash.update(bytes.data(), bytes.size()); }, hash_);
  }
  std::string hex() const {
    return std::visit([](const auto& hash) { return hash.hex(); }, hash_);
  }

 private:
  std::variant<Sha256, Sha1> hash_;
};

bool has_size(const fs::path& path, uint64_t size) {
  std::error_code failed;
  return fs::is_regular_file(path, failed) && fs::file_size(path, failed) == size && !failed;
}

// One file on its way into the cache.
class Fetch {
 public:
  Fetch(HubClient& client, const HubReference& reference, const std::string& commit, const HubFile& file,
        const CancelToken* cancel, std::function<void(uint64_t)> progress)
      : client_(client),
        reference_(reference),
        commit_(commit),
        file_(file),
        cancel_(cancel),
        progress_(std::move(progress)),
        blob_(hub_model_folder(reference) / "blobs" / file.hash),
        incomplete_(blob_.string() + ".incomplete"),
        hash_(file) {}

  void run() {
    if (!has_size(blob_, file_.size)) {
      make_folder(blob_.parent_path());
      const fs::path locks = hub_cache() / ".locks" / hub_model_folder(reference_).filename();
      make_folder(locks);
      const Descriptor lock(locks / (file_.hash + ".lock"), O_RDWR | O_CREAT);
      wait_for(lock, locks / (file_.hash + ".lock"));
      // Somebody else may have finished it while we waited; the lock goes with the descriptor.
      if (!has_size(blob_, file_.size)) fetch_blob();
    }
    progress_(file_.size);
    link();
  }

 private:
  void stop_if_cancelled() const {
    if (cancel_ != nullptr && cancel_->cancelled()) throw error(ErrorKind::kCancelled, "cancelled");
  }

  void wait_for(const Descriptor& lock, const fs::path& path) const {
    while (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK && errno != EINTR) throw_errno(path, "lock");
      stop_if_cancelled();
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }

  void fetch_blob() {
    const Descriptor out(incomplete_, O_RDWR | O_CREAT | O_NOFOLLOW);
    fd_ = out.get();
    const uint64_t kept = out.size();
    if (kept > file_.size)
      restart();
    else
      read_kept();
    transfer();
    if (hash_.hex() != file_.hash && kept > 0) {  // what lay here was something else
      restart();
      transfer();
    }
    if (hash_.hex() != file_.hash) {
      const std::string got = hash_.hex();
      restart();
      ::unlink(incomplete_.c_str());
      throw error(
          ErrorKind::kCorrupt,
          "{}/{}: the checksum is {}, expected {}: damaged on its way, or not what the hub lists; pull again, and "
          "look at proxies and HF_ENDPOINT if it stays so",
          reference_.repo(), printable(file_.path), got, file_.hash);
    }
    if (::fsync(fd_) != 0) throw_errno(incomplete_, "write");
    if (::rename(incomplete_.c_str(), blob_.c_str()) != 0) throw_errno(blob_, "rename to");
  }

  // Hashes what an earlier attempt left.
  void read_kept() {
    std::string buffer(size_t{1} << 18, '\0');
    for (;;) {
      stop_if_cancelled();
      const ssize_t got = ::pread(fd_, buffer.data(), buffer.size(), static_cast<off_t>(received_));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw_errno(incomplete_, "read");
      if (got == 0) return;
      hash_.update({buffer.data(), static_cast<size_t>(got)});
      received_ += static_cast<uint64_t>(got);
      progress_(received_);
    }
  }

  void restart() {
    if (::ftruncate(fd_, 0) != 0) throw_errno(incomplete_, "write");
    received_ = 0;
    hash_ = ContentHash(file_);
    progress_(0);
  }

  void take(std::string_view piece) {
    if (piece.size() > file_.size - received_)
      throw error(ErrorKind::kCorrupt, "{}/{}: more bytes than the {} that the hub lists; pull again",
                  reference_.repo(), printable(file_.path), file_.size);
    for (size_t at = 0; at < piece.size();) {
      const ssize_t put = ::pwrite(fd_, piece.data() + at, piece.size() - at, static_cast<off_t>(received_ + at));
      if (put < 0 && errno != EINTR) throw_errno(incomplete_, "write");
      if (put > 0) at += static_cast<size_t>(put);
    }
    hash_.update(piece);
    received_ += piece.size();
    progress_(received_);
  }

  void transfer() {
    uint64_t best = received_;
    client_.with_retries(
        [&] {
          while (received_ < file_.size) {
            const uint64_t from = received_;
            client_.stream(
                reference_, commit_, file_.path, from,
                [&](uint64_t offset) {
                  if (offset != received_) restart();
                },
                [&](std::string_view piece) { take(piece); });
            if (received_ < file_.size && received_ <= from)
              throw TransientError(fmt::format("{}/{}: {} of {} bytes came, then the connection ended",
                                               reference_.repo(), printable(file_.path), received_, file_.size),
                                   std::nullopt);
          }
        },
        [&] { return received_ > best ? (best = received_, true) : false; });
  }

  // snapshots/COMMIT/PATH -> ../../blobs/HASH, replaced in one step where something else is there.
  void link() const {
    const fs::path pointer = hub_model_folder(reference_) / "snapshots" / commit_ / file_.path;
    make_folder(pointer.parent_path());
    const fs::path target = blob_.lexically_relative(pointer.parent_path());
    std::error_code failed;
    if (fs::is_symlink(pointer, failed) && fs::read_symlink(pointer, failed) == target) return;
    const fs::path fresh = pointer.string() + ".tmp-" + std::to_string(::getpid());
    ::unlink(fresh.c_str());
    if (::symlink(target.c_str(), fresh.c_str()) != 0)
      throw error(ErrorKind::kIo, "{}: cannot be a symbolic link: {}; set HF_HUB_CACHE to a disk that has them",
                  pointer.string(), std::strerror(errno));
    if (::rename(fresh.c_str(), pointer.c_str()) != 0) throw_errno(pointer, "replace");
  }

  HubClient& client_;
  const HubReference& reference_;
  const std::string& commit_;
  const HubFile& file_;
  const CancelToken* cancel_;
  std::function<void(uint64_t)> progress_;
  fs::path blob_, incomplete_;
  ContentHash hash_;  // of the received_ bytes
  int fd_ = -1;
  uint64_t received_ = 0;
};

}  // namespace

std::vector<uint64_t> bytes_to_fetch(const HubReference& reference, const std::vector<HubFile>& files) {
  std::vector<uint64_t> missing;
  for (const HubFile& file : files) {
    const fs::path blob = hub_model_folder(reference) / "blobs" / file.hash;
    std::error_code failed;
    const uint64_t kept = has_size(blob, file.size) ? file.size : fs::file_size(blob.string() + ".incomplete", failed);
    missing.push_back(failed || kept > file.size ? file.size : file.size - kept);
  }
  return missing;
}

void fetch_hub_files(const HubOptions& options, const HubReference& reference, const std::string& commit,
                     const std::vector<HubFile>& files, int parallel, const HubProgress& progress) {
  // Others stop when one fails, through a token of their own that the user's ^C sets as well.
  CancelToken stop;
  HubOptions mine = options;
  mine.cancel = &stop;
  std::atomic<size_t> next{0}, running{0};
  std::mutex mutex;
  std::exception_ptr first;
  const auto work = [&] {
    try {
      HubClient client(mine);
      for (size_t i; (i = next++) < files.size();)
        Fetch(client, reference, commit, files[i], &stop, [&, i](uint64_t bytes) { progress(i, bytes); }).run();
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!first) first = std::current_exception();
      stop.cancel();
    }
    --running;
  };
  std::vector<std::thread> threads;
  const size_t count = std::min(files.size(), static_cast<size_t>(std::max(parallel, 1)));
  running = count;
  for (size_t i = 0; i < count; ++i) threads.emplace_back(work);
  while (running > 0) {
    if (options.cancel != nullptr && options.cancel->cancelled()) stop.cancel();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  for (std::thread& thread : threads) thread.join();
  if (first) std::rethrow_exception(first);
}

void write_hub_ref(const HubReference& reference, const std::string& commit) {
  if (reference.revision == commit) return;
  const fs::path ref = hub_model_folder(reference) / "refs" / reference.revision;
  make_folder(ref.parent_path());
  write_file_atomically(ref, commit);
}

std::string hub_hash(const HubFile& file, std::string_view content) {
  ContentHash hash(file);
  hash.update(content);
  return hash.hex();
}

}  // namespace pent
