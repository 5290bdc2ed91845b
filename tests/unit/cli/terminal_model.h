// A very small terminal: enough of ECMA-48 to see what a recorded byte stream leaves on the screen.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "cli/terminal.h"
#include "text/utf8.h"

namespace pent::cli {

class TerminalModel {
 public:
  TerminalModel(int columns, int rows)
      : columns_(columns), rows_(rows), screen_(rows, std::vector<std::string>(columns)) {}

  void write(std::string_view bytes) {
    for (size_t at = 0; at < bytes.size();) {
      if (bytes.substr(at).starts_with("\033[")) {
        at += 2;
        const size_t end = bytes.find_first_not_of("0123456789;?", at);
        ASSERT_NE(end, bytes.npos) << "a sequence without an end";
        control(bytes[end], std::string(bytes.substr(at, end - at)));
        at = end + 1;
        continue;
      }
      const DecodedChar c = decode_utf8(bytes, at);
      put(c, bytes.substr(at, c.length));
      at += c.length;
    }
  }

  // The lines down to the last one with something on it, trailing blanks cut.
  std::vector<std::string> lines() const {
    std::vector<std::string> out;
    for (const auto& row : screen_) {
      std::string line;
      for (const std::string& cell : row) line += cell.empty() ? " " : cell == kContinued ? "" : cell;
      line.erase(line.find_last_not_of(' ') + 1);
      out.push_back(line);
    }
    while (!out.empty() && out.back().empty()) out.pop_back();
    return out;
  }
  int row() const { return row_; }
  int column() const { return column_; }
  const std::vector<std::string>& styles() const { return styles_; }  // every SGR seen

 private:
  static constexpr const char* kContinued = "\x01";  // the right half of a wide character

  void put(const DecodedChar& c, std::string_view bytes) {
    ASSERT_TRUE(c.valid);
    if (c.code == '\r') {
      column_ = 0;
      return;
    }
    if (c.code == '\n') {
      line_feed();
      return;
    }
    ASSERT_TRUE(c.code >= 0x20) << "control character " << static_cast<uint32_t>(c.code);
    const int width = display_width(c.code);
    ASSERT_LE(column_ + width, columns_) << "written beyond the edge";
    if (width == 0) {
      if (column_ > 0) screen_[row_][column_ - 1] += bytes;
      return;
    }
    screen_[row_][column_] = bytes;
    if (width == 2) screen_[row_][column_ + 1] = kContinued;
    column_ += width;
  }

  void line_feed() {
    if (row_ + 1 < rows_) {
      ++row_;
      return;
    }
    screen_.erase(screen_.begin());
    screen_.emplace_back(columns_);
  }

  void control(char final, const std::string& parameters) {
    const int n = std::max(1, std::atoi(parameters.c_str()));
    if (final == 'A') {
      row_ = std::max(0, row_ - n);
    } else if (final == 'K') {
      std::fill(screen_[row_].begin() + column_, screen_[row_].end(), "");
    } else if (final == 'J') {
      std::fill(screen_[row_].begin() + column_, screen_[row_].end(), "");
      for (int r = row_ + 1; r < rows_; ++r) std::fill(screen_[r].begin(), screen_[r].end(), "");
    } else if (final == 'm') {
      styles_.push_back(parameters);
    } else {
      FAIL() << "sequence ESC [ " << parameters << final;
    }
  }

  int columns_;
  int rows_;
  int row_ = 0;
  int column_ = 0;
  std::vector<std::vector<std::string>> screen_;
  std::vector<std::string> styles_;
};

}  // namespace pent::cli
