// What changed between two texts, as `diff -u` tells it.
#pragma once

#include <string>
#include <string_view>

namespace pent::cli {

// Hunks with three lines around each change, under the names of both texts; empty where nothing changed. A last line without a line
// feed is marked as diff and patch do.
std::string unified_diff(std::string_view before, std::string_view after, const std::string& name_before,
                         const std::string& name_after);

}  // namespace pent::cli
