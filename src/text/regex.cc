// PCRE2 behind the two calls that tokenizers need.
#include "text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <cctype>
#include <memory>
#include <new>

#include "base/error.h"
#include "text/utf8.h"

namespace pent {
namespace {

constexpr uint32_t kMatchLimit = 1'000'000;
constexpr uint32_t kDepthLimit = 10'000;
constexpr uint32_t kHeapLimitKib = 64 * 1024;
constexpr size_t kMaxPatternBytes = 16 * 1024;
constexpr size_t kJitStackBytes = 1024 * 1024;

template <auto kFree>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using Code = std::unique_ptr<pcre2_code, Freer<pcre2_code_free>>;
using MatchData = std::unique_ptr<pcre2_match_data, Freer<pcre2_match_data_free>>;
using MatchContext = std::unique_ptr<pcre2_match_context, Freer<pcre2_match_context_free>>;
using JitStack = std::unique_ptr<pcre2_jit_stack, Freer<pcre2_jit_stack_free>>;

std::string describe(int code) {
  PCRE2_UCHAR message[256];
  pcre2_get_error_message(code, message, sizeof message);
  return reinterpret_cast<const char*>(message);
}

// Oniguruma's \uHHHH, which tokenizer files use, as PCRE2 writes it.
std::string in_pcre_syntax(const std::string& pattern) {
  constexpr size_t kEscapeBytes = 6;
  std::string out;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const auto is_hex = [&](size_t at) { return std::isxdigit(static_cast<unsigned char>(pattern[at])) != 0; };
    if (pattern[i] != '\\' || i + 1 == pattern.size()) {
      out += pattern[i];
    } else if (pattern[i + 1] == 'u' && i + kEscapeBytes <= pattern.size() && is_hex(i + 2) && is_hex(i + 3) &&
               is_hex(i + 4) && is_hex(i + 5)) {
      out.append("\\x{").append(pattern, i + 2, 4).append("}");
      i += kEscapeBytes - 1;
    } else {
      out.append(pattern, i++, 2);
    }
  }
  return out;
}

}  // namespace

struct Regex::Compiled {
  Code code;
  std::string where, pattern;
};

Regex::Regex(const std::string& pattern, const std::string& where) {
  if (pattern.size() > kMaxPatternBytes) {
    throw error(ErrorKind::kResourceExhausted, "{}: a pattern of {} bytes; at most {} are read", where, pattern.size(),
                kMaxPatternBytes);
  }
  int code = 0;
  PCRE2_SIZE offset = 0;
  const std::string translated = in_pcre_syntax(pattern);
  Code compiled(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(), PCRE2_UTF | PCRE2_UCP,
                              &code, &offset, nullptr));
  if (!compiled) {
    throw error(ErrorKind::kCorrupt, "{}: pattern '{}' is wrong at byte {}: {}", where, translated, offset,
                describe(code));
  }
  pcre2_jit_compile(compiled.get(), PCRE2_JIT_COMPLETE);  // where it fails, the interpreter does the same work
  compiled_ = std::make_shared<const Compiled>(Compiled{std::move(compiled), where, pattern});
}

void Regex::find_all(std::string_view text, const std::function<void(size_t, size_t)>& found) const {
  const MatchData data(pcre2_match_data_create(1, nullptr));
  const MatchContext context(pcre2_match_context_create(nullptr));
  const JitStack stack(pcre2_jit_stack_create(32 * 1024, kJitStackBytes, nullptr));
  if (!data || !context) throw std::bad_alloc();
  pcre2_set_match_limit(context.get(), kMatchLimit);
  pcre2_set_depth_limit(context.get(), kDepthLimit);
  pcre2_set_heap_limit(context.get(), kHeapLimitKib);
  if (stack) pcre2_jit_stack_assign(context.get(), nullptr, stack.get());

  for (size_t at = 0; at < text.size();) {
    const int count = pcre2_match(compiled_->code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at,
                                  PCRE2_NO_UTF_CHECK, data.get(), context.get());
    if (count == PCRE2_ERROR_NOMATCH) return;
    if (count < 0) {
      throw error(ErrorKind::kResourceExhausted, "{}: pattern '{}' gave up at byte {} of the text: {}",
                  compiled_->where, compiled_->pattern, at, describe(count));
    }
    const PCRE2_SIZE* span = pcre2_get_ovector_pointer(data.get());
    const size_t begin = span[0], end = span[1];
    if (end > begin && begin >= at) {
      found(begin, end);
      at = end;
    } else {  // empty, or turned around by \K
      at += decode_utf8(text, at).length;
    }
  }
}

std::string Regex::replace(std::string_view text, std::string_view content) const {
  std::string out;
  size_t at = 0;
  find_all(text, [&](size_t begin, size_t end) {
    out.append(text, at, begin - at).append(content);
    at = end;
  });
  return out.append(text, at);
}

}  // namespace pent
