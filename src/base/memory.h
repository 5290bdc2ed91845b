// How much memory this process may still take, and large pieces of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace pent {

// The least of what the system calls available and what is left under the cgroup's memory.max; INT64_MAX if neither
// says.
int64_t available_memory_bytes();

// The memory of the machine, or what the cgroup allows of it, used or not.
int64_t total_memory_bytes();

// Throws kResourceExhausted "WHAT needs A MB, B MB are available" when `bytes` is more than that (a double: sizes that
// come from a file may not fit in an integer).
void require_memory(double bytes, const std::string& what);

// Zeroes, aligned to 64 bytes. Large pieces lie on huge pages where the system gives them: weights are read from end to
// end, and a product of few rows would spend its time on looking up addresses. Throws kResourceExhausted.
std::shared_ptr<std::byte> allocate_zeroed(size_t bytes);

}  // namespace pent
