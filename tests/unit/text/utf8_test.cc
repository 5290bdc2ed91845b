#include "text/utf8.h"

#include <gtest/gtest.h>

#include "text/byte_alphabet.h"
#include "text/unicode.h"

namespace pent {
namespace {

TEST(Utf8, EveryCodePointSurvivesWritingAndReading) {
  for (char32_t code = 0; code <= 0x10FFFF; ++code) {
    if (code >= 0xD800 && code <= 0xDFFF) continue;
    std::string text;
    append_utf8(code, text);
    const DecodedChar c = decode_utf8(text, 0);
    ASSERT_TRUE(c.valid && c.code == code && c.length == text.size()) << static_cast<uint32_t>(code);
    ASSERT_EQ(whole_utf8_length(text), text.size());
    for (size_t cut = 1; cut < text.size(); ++cut) {
      ASSERT_EQ(whole_utf8_length(std::string_view(text).substr(0, cut)), 0u) << static_cast<uint32_t>(code);
    }
  }
}

TEST(Utf8, InvalidSequencesBecomeOneReplacementPerMaximalPart) {
  const std::string r = "\uFFFD";
  EXPECT_EQ(replace_invalid_utf8("a\x80"
                                 "b"),
            "a" + r + "b");
  EXPECT_EQ(replace_invalid_utf8("\xC0\xAF"), r + r);          // overlong
  EXPECT_EQ(replace_invalid_utf8("\xED\xA0\x80"), r + r + r);  // surrogate
  EXPECT_EQ(replace_invalid_utf8("\xF4\x90\x80\x80"), r + r + r + r);
  EXPECT_EQ(replace_invalid_utf8("\xE4\xBD"
                                 "A"),
            r + "A");  // cut short: one
  EXPECT_EQ(replace_invalid_utf8("\xF0\x9F\x98"), r);
  EXPECT_EQ(replace_invalid_utf8("\xFF\xFE"), r + r);
}

TEST(Utf8, WholeLengthHoldsBackOnlyWhatMoreBytesCouldComplete) {
  EXPECT_EQ(whole_utf8_length("ab\xE4\xBD"), 2u);
  EXPECT_EQ(whole_utf8_length("ab\xED\xA0"), 4u);  // a surrogate can never be completed
  EXPECT_EQ(whole_utf8_length("ab\x80\x80\x80"), 5u);
  EXPECT_EQ(whole_utf8_length(""), 0u);
}

TEST(Unicode, ClassesFollowTheCharacterDatabase) {
  EXPECT_EQ(char_class('a'), CharClass::kLetter);
  EXPECT_EQ(char_class(U'中'), CharClass::kLetter);
  EXPECT_EQ(char_class(U'½'), CharClass::kNumber);
  EXPECT_EQ(char_class(0x3000), CharClass::kSpace);
  EXPECT_EQ(char_class(0x85), CharClass::kSpace);
  EXPECT_EQ(char_class(0x200B), CharClass::kOther);
  EXPECT_EQ(char_class(0x301), CharClass::kOther);
  EXPECT_TRUE(is_word_char('_') && is_word_char(0x301) && is_word_char(0x200D));
  EXPECT_FALSE(is_word_char('-') || is_word_char(U'½'));
}

TEST(Unicode, LowercaseIsCharacterByCharacter) { EXPECT_EQ(lowercase("ÀΣİǅ\u212A"), "àσi\u0307ǆk"); }

TEST(ByteAlphabet, AllBytesGoThereAndBack) {
  for (int b = 0; b < 256; ++b) {
    const std::string byte(1, static_cast<char>(b));
    std::string token;
    append_in_byte_alphabet(byte, token);
    EXPECT_EQ(bytes_of_token(token), byte);
  }
  EXPECT_EQ(bytes_of_token("Ġthe"), " the");
  EXPECT_EQ(bytes_of_token("日本"), "日本");  // outside the alphabet: itself
}

}  // namespace
}  // namespace pent
