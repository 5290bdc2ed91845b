// FNV-1a (Fowler, Noll, Vo): enough to tell two of our own files apart; no defence against anybody.
#pragma once

#include <cstdint>
#include <string_view>

namespace pent {

class Fingerprint {
 public:
  Fingerprint& add(std::string_view bytes) {
    for (const char c : bytes) hash_ = (hash_ ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
    return *this;
  }
  uint64_t value() const { return hash_; }

 private:
  uint64_t hash_ = 0xcbf29ce484222325u;
};

}  // namespace pent
