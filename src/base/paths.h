// Folders that the environment names, and whether something is there.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace pent {

// The variable as a path, a leading "~/" being $HOME; nullopt where it is unset or empty.
std::optional<std::filesystem::path> environment_path(const char* name);

// $XDG_CACHE_HOME, else ~/.cache, else the system's folder for temporary files.
std::filesystem::path user_cache_folder();

// Anything that cannot even be looked at counts as absent.
bool is_there(const std::filesystem::path& path);

// Set to 1, on, yes or true, in any case: how the Hugging Face tools read their switches.
bool environment_switch(const char* name);

}  // namespace pent
