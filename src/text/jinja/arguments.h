// The arguments of a call, and how our own filters, tests, methods and functions take theirs.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/jinja/value.h"

namespace pent::jinja {

struct Arguments {
  Items positional;
  Variables named;

  Arguments without_first(size_t count) const;  // of the positional ones; all that are there at most
};

// Arguments by the names of the parameters; those left out are absent. Throws kInvalidArgument for a name that is not
// among them, one given twice, and for too many arguments.
class Parameters {
 public:
  Parameters(std::string_view callee, const Arguments& arguments, std::initializer_list<std::string_view> names);

  const Value* find(size_t i) const { return values_[i]; }  // nullptr if absent
  const Value& required(size_t i) const;
  bool truth(size_t i, bool fallback) const { return values_[i] ? values_[i]->truth() : fallback; }
  // An absent value and none give the fallback; a wrong type is an error.
  int64_t integer(size_t i, int64_t fallback) const;
  std::string string(size_t i, std::string_view fallback) const;

 private:
  std::string callee_;
  std::vector<std::string_view> names_;
  std::vector<const Value*> values_;
};

}  // namespace pent::jinja
