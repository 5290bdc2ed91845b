// Python's operations on strings of characters (code points), on UTF-8. All texts are valid UTF-8.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pent::jinja {

bool is_python_space(char32_t code);  // str.isspace()

// Without the white space (Python's idea of it), or the characters of `chars`, at the ends.
std::string_view strip_left(std::string_view text, std::optional<std::string_view> chars = {});
std::string_view strip_right(std::string_view text, std::optional<std::string_view> chars = {});

int64_t count_chars(std::string_view text);
// Where each character starts, and at the end the size of the text.
std::vector<size_t> char_starts(std::string_view text);
std::vector<std::string_view> chars_of(std::string_view text);

// str.split: at white space without a separator, which must not be empty. max_splits < 0: all.
std::vector<std::string_view> split(std::string_view text, std::optional<std::string_view> separator,
                                    int64_t max_splits);
std::vector<std::string_view> split_from_right(std::string_view text, std::optional<std::string_view> separator,
                                               int64_t max_splits);
std::vector<std::string_view> split_lines(std::string_view text);

int64_t count_occurrences(std::string_view text, std::string_view part);  // that do not overlap
std::string replace_all(std::string_view text, std::string_view old_part, std::string_view new_part, int64_t max_count);

std::string upper(std::string_view text);
std::string lower(std::string_view text);
std::string capitalize(std::string_view text);       // the first character upper, the rest lower
std::string title_case(std::string_view text);       // str.title(): upper after what is no letter
std::string escape_html(std::string_view text);      // markupsafe's: & < > ' "
std::string quoted(std::string_view text);           // repr(text)
std::string float_text(double value);                // repr(value)
std::string fixed_text(double value, int decimals);  // "%.*f", correctly rounded

}  // namespace pent::jinja
