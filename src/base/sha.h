// SHA-1 and SHA-256 (FIPS 180-4), as the hub names its files by them. Checks that what arrived is what was announced;
// SHA-1 is no defence against somebody who makes collisions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace pent {

// What both have in common: blocks of 64 bytes, padded with a one bit, zeroes and the length in bits.
template <size_t kWords>
class ShaStream {
 public:
  void update(const void* data, size_t size);

 protected:
  using State = std::array<uint32_t, kWords>;
  using Compress = void (*)(State& state, const uint8_t* block);
  ShaStream(const State& initial, Compress compress) : state_(initial), compress_(compress) {}
  std::string finish() const;  // hexadecimal, of all bytes so far

 private:
  State state_;
  Compress compress_;
  std::array<uint8_t, 64> pending_ = {};
  uint64_t bytes_ = 0;  // seen so far; the last bytes_ % 64 are pending
};

class Sha1 : public ShaStream<5> {
 public:
  Sha1();
  std::string hex() const { return finish(); }  // 40 digits
};

class Sha256 : public ShaStream<8> {
 public:
  Sha256();
  std::string hex() const { return finish(); }  // 64 digits
};

}  // namespace pent
