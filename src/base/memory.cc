// Available memory on Linux: /proc/meminfo and cgroup v2's memory.max less memory.current, from our cgroup up to the
// root.
#include "base/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "base/error.h"

namespace pent {
namespace {

// The file's leading number; -1 if there is none ("max", no such file).
int64_t read_number(const std::string& path) {
  std::ifstream file(path);
  int64_t value = -1;
  return file >> value ? value : -1;
}

// The least over the cgroups we are in, each given by its limit and what is used of it.
int64_t least_in_cgroups(int64_t (*of)(int64_t limit, int64_t used)) {
  std::string path;
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("0::", 0) == 0) path = line.substr(3);
  }
  int64_t left = INT64_MAX;
  for (;;) {
    const std::string directory = "/sys/fs/cgroup" + path;
    const int64_t limit = read_number(directory + "/memory.max"), used = read_number(directory + "/memory.current");
    if (limit >= 0 && used >= 0) left = std::min(left, of(limit, used));
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos) return left;
    path.resize(slash);
  }
}

// A line of /proc/meminfo, in bytes; INT64_MAX without it.
int64_t system_memory(const std::string& name) {
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(name + ":", 0) != 0) continue;
    return std::strtoll(line.c_str() + name.size() + 1, nullptr, 10) * 1024;
  }
  return INT64_MAX;
}

}  // namespace

int64_t available_memory_bytes() {
  return std::min(system_memory("MemAvailable"),
                  least_in_cgroups([](int64_t limit, int64_t used) { return std::max<int64_t>(0, limit - used); }));
}

int64_t total_memory_bytes() {
  return std::min(system_memory("MemTotal"), least_in_cgroups([](int64_t limit, int64_t) { return limit; }));
}

void require_memory(double bytes, const std::string& what) {
  const double available = static_cast<double>(available_memory_bytes());
  if (bytes > available) {
    throw error(ErrorKind::kResourceExhausted, "{} needs {:.0f} MB of memory, {:.0f} MB are available", what,
                bytes / 1e6, available / 1e6);
  }
}

std::shared_ptr<std::byte> allocate_zeroed(size_t bytes) {
  constexpr size_t kHugePage = size_t{2} << 20, kLine = 64;
  const auto fail = [&]() -> Error {
    return error(ErrorKind::kResourceExhausted, "{:.0f} MB of memory could not be had",
                 static_cast<double>(bytes) / 1e6);
  };
  if (bytes < 2 * kHugePage) {
    const size_t rounded = std::max(kLine, (bytes + kLine - 1) / kLine * kLine);
    auto* data = static_cast<std::byte*>(std::aligned_alloc(kLine, rounded));
    if (data == nullptr) throw fail();
    std::memset(data, 0, rounded);
    return {data, [](std::byte* p) { std::free(p); }};
  }
  // Mapped pages are zeroed when they are first touched, by the thread that fills them. A huge page of room to align.
  const size_t mapped = bytes + kHugePage;
  void* const whole = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (whole == MAP_FAILED) throw fail();
  const auto address = reinterpret_cast<uintptr_t>(whole);
  auto* data = static_cast<std::byte*>(whole) + (kHugePage - address % kHugePage) % kHugePage;
  madvise(data, bytes, MADV_HUGEPAGE);  // a hint: where it is refused, small pages do
  return {data, [whole, mapped](std::byte*) { munmap(whole, mapped); }};
}

}  // namespace pent
