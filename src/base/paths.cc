#include "base/paths.h"

#include <strings.h>

#include <cstdlib>

namespace pent {

std::optional<std::filesystem::path> environment_path(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  const std::string text = value;
  const char* home = std::getenv("HOME");
  if (text.starts_with("~/") && home != nullptr) return std::filesystem::path(home) / text.substr(2);
  return text;
}

std::filesystem::path user_cache_folder() {
  if (const auto xdg = environment_path("XDG_CACHE_HOME")) return *xdg;
  if (const auto home = environment_path("HOME")) return *home / ".cache";
  return std::filesystem::temp_directory_path();
}

bool is_there(const std::filesystem::path& path) {
  std::error_code failed;
  return std::filesystem::exists(path, failed);
}

bool environment_switch(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) return false;
  for (const char* word : {"1", "on", "yes", "true"})
    if (::strcasecmp(value, word) == 0) return true;
  return false;
}

}  // namespace pent
