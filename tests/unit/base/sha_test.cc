#include "base/sha.h"

#include <gtest/gtest.h>

namespace pent {
namespace {

template <typename Sha>
std::string hash(const std::string& text) {
  Sha sha;
  sha.update(text.data(), text.size());
  return sha.hex();
}

// Examples that NIST publishes with FIPS 180.
TEST(Sha, GivesThePublishedDigests) {
  EXPECT_EQ(hash<Sha1>("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(hash<Sha1>(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  EXPECT_EQ(hash<Sha1>("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  EXPECT_EQ(hash<Sha1>(std::string(1000000, 'a')), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
  EXPECT_EQ(hash<Sha256>("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hash<Sha256>(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hash<Sha256>("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(hash<Sha256>(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha, DoesNotDependOnHowTheBytesArrive) {
  for (size_t length = 0; length < 200; ++length) {
    const std::string text(length, static_cast<char>('a' + length % 26));
    Sha256 by_seven;
    Sha1 by_byte;
    for (size_t at = 0; at < length; at += 7) by_seven.update(text.data() + at, std::min<size_t>(7, length - at));
    for (const char c : text) by_byte.update(&c, 1);
    EXPECT_EQ(by_seven.hex(), hash<Sha256>(text)) << length;
    EXPECT_EQ(by_byte.hex(), hash<Sha1>(text)) << length;
  }
}

TEST(Sha, CanBeAskedOnTheWay) {
  Sha1 sha;
  EXPECT_EQ(sha.hex(), hash<Sha1>(""));
  sha.update("abc", 3);
  EXPECT_EQ(sha.hex(), hash<Sha1>("abc"));
  sha.update("def", 3);
  EXPECT_EQ(sha.hex(), hash<Sha1>("abcdef"));
}

}  // namespace
}  // namespace pent
