// The manual page pent(1), made from the table of verbs so that it says what this build can do.
#pragma once

#include <string>

namespace pent::cli {

std::string man_page();

}  // namespace pent::cli
