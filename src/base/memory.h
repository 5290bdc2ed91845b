// How much memory this process may still take.
#pragma once

#include <cstdint>
#include <string>

namespace pent {

// The least of what the system calls available and what is left under the cgroup's memory.max; INT64_MAX if neither
// says.
int64_t available_memory_bytes();

// Throws kResourceExhausted "WHAT needs A MB, B MB are available" when `bytes` is more than that (a double: sizes that
// come from a file may not fit in an integer).
void require_memory(double bytes, const std::string& what);

}  // namespace pent
