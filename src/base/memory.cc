// Available memory on Linux: /proc/meminfo and cgroup v2's memory.max less memory.current, from our cgroup up to the
// root.
#include "base/memory.h"

#include <algorithm>
#include <cstdlib>
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

int64_t cgroup_memory_left() {
  std::string path;
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("0::", 0) == 0) path = line.substr(3);
  }
  int64_t left = INT64_MAX;
  for (;;) {
    const std::string directory = "/sys/fs/cgroup" + path;
    const int64_t limit = read_number(directory + "/memory.max"), used = read_number(directory + "/memory.current");
    if (limit >= 0 && used >= 0) left = std::min(left, std::max<int64_t>(0, limit - used));
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos) return left;
    path.resize(slash);
  }
}

int64_t system_memory_left() {
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("MemAvailable:", 0) != 0) continue;
    return std::strtoll(line.c_str() + 13, nullptr, 10) * 1024;
  }
  return INT64_MAX;
}

}  // namespace

int64_t available_memory_bytes() { return std::min(system_memory_left(), cgroup_memory_left()); }

void require_memory(double bytes, const std::string& what) {
  const double available = static_cast<double>(available_memory_bytes());
  if (bytes > available) {
    throw error(ErrorKind::kResourceExhausted, "{} needs {:.0f} MB of memory, {:.0f} MB are available", what,
                bytes / 1e6, available / 1e6);
  }
}

}  // namespace pent
