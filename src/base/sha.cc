// FIPS 180-4, sections 4 to 6; the constants and the names of functions and variables are the standard's.
#include "base/sha.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace pent {
namespace {

uint32_t big_endian(const uint8_t* bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}

uint32_t choose(uint32_t x, uint32_t y, uint32_t z) { return (x & y) ^ (~x & z); }
uint32_t majority(uint32_t x, uint32_t y, uint32_t z) { return (x & y) ^ (x & z) ^ (y & z); }

void compress_sha1(std::array<uint32_t, 5>& state, const uint8_t* block) {
  uint32_t W[80];
  for (int t = 0; t < 16; ++t) W[t] = big_endian(block + 4 * t);
  for (int t = 16; t < 80; ++t) W[t] = std::rotl(W[t - 3] ^ W[t - 8] ^ W[t - 14] ^ W[t - 16], 1);
  auto [a, b, c, d, e] = state;
  const auto round = [&](uint32_t f, uint32_t K, int t) {
    const uint32_t T = std::rotl(a, 5) + f + e + K + W[t];
    e = d;
    d = c;
    c = std::rotl(b, 30);
    b = a;
    a = T;
  };
  int t = 0;
  for (; t < 20; ++t) round(choose(b, c, d), 0x5a827999, t);
  for (; t < 40; ++t) round(b ^ c ^ d, 0x6ed9eba1, t);
  for (; t < 60; ++t) round(majority(b, c, d), 0x8f1bbcdc, t);
  for (; t < 80; ++t) round(b ^ c ^ d, 0xca62c1d6, t);
  state = {state[0] + a, state[1] + b, state[2] + c, state[3] + d, state[4] + e};
}

constexpr uint32_t kSha256Constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

void compress_sha256(std::array<uint32_t, 8>& state, const uint8_t* block) {
  uint32_t W[64];
  for (int t = 0; t < 16; ++t) W[t] = big_endian(block + 4 * t);
  for (int t = 16; t < 64; ++t) {
    const uint32_t sigma0 = std::rotr(W[t - 15], 7) ^ std::rotr(W[t - 15], 18) ^ W[t - 15] >> 3;
    const uint32_t sigma1 = std::rotr(W[t - 2], 17) ^ std::rotr(W[t - 2], 19) ^ W[t - 2] >> 10;
    W[t] = sigma1 + W[t - 7] + sigma0 + W[t - 16];
  }
  auto [a, b, c, d, e, f, g, h] = state;
  for (int t = 0; t < 64; ++t) {
    const uint32_t Sigma1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
    const uint32_t T1 = h + Sigma1 + choose(e, f, g) + kSha256Constants[t] + W[t];
    const uint32_t Sigma0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
    const uint32_t T2 = Sigma0 + majority(a, b, c);
    h = g;
    g = f;
    f = e;
    e = d + T1;
    d = c;
    c = b;
    b = a;
    a = T1 + T2;
  }
  const uint32_t sums[8] = {a, b, c, d, e, f, g, h};
  for (size_t i = 0; i < 8; ++i) state[i] += sums[i];
}

}  // namespace

template <size_t kWords>
void ShaStream<kWords>::update(const void* data, size_t size) {
  const auto* bytes = static_cast<const uint8_t*>(data);
  while (size > 0) {
    const size_t filled = bytes_ % 64;
    if (filled == 0 && size >= 64) {
      compress_(state_, bytes);
      bytes += 64, size -= 64, bytes_ += 64;
      continue;
    }
    const size_t taken = std::min(size, 64 - filled);
    std::memcpy(pending_.data() + filled, bytes, taken);
    bytes += taken, size -= taken, bytes_ += taken;
    if (filled + taken == 64) compress_(state_, pending_.data());
  }
}

template <size_t kWords>
std::string ShaStream<kWords>::finish() const {
  ShaStream padded = *this;
  const uint64_t bits = bytes_ * 8;
  std::array<uint8_t, 72> padding = {0x80};
  const size_t zeroes = (64 + 56 - (bytes_ + 1) % 64) % 64;
  for (size_t i = 0; i < 8; ++i) padding[1 + zeroes + i] = static_cast<uint8_t>(bits >> (56 - 8 * i));
  padded.update(padding.data(), 1 + zeroes + 8);
  std::string digits;
  for (const uint32_t word : padded.state_) digits += fmt::format("{:08x}", word);
  return digits;
}

template class ShaStream<5>;
template class ShaStream<8>;

Sha1::Sha1() : ShaStream({0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}, compress_sha1) {}

Sha256::Sha256()
    : ShaStream({0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19},
                compress_sha256) {}

}  // namespace pent
