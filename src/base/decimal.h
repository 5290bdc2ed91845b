// Floats on their way into files that people read.
#pragma once

#include <fmt/format.h>

#include <cstdlib>

namespace pent {

// The double of the float's shortest decimal: 1e-05, not 9.999999747378752e-06. Reading it back as float gives `value`.
inline double shortest_decimal(float value) { return std::strtod(fmt::format("{}", value).c_str(), nullptr); }

}  // namespace pent
