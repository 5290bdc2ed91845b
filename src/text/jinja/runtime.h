// What one rendering of a template shares: what it may still cost, the namespaces it made, the time.
#pragma once

#include <ctime>
#include <memory>
#include <vector>

#include "base/error.h"
#include "text/jinja/value.h"

namespace pent::jinja {

// Errors below the evaluator say what is wrong; it adds the template's name and the line.
template <typename... Args>
Error wrong(fmt::format_string<Args...> format, Args&&... args) {
  return error(ErrorKind::kInvalidArgument, format, std::forward<Args>(args)...);
}

class Runtime {
 public:
  explicit Runtime(std::time_t now) : now(now) {}

  // Evaluations, bytes produced, values compared: kResourceExhausted when nothing is left. The unit is a byte produced;
  // the figures for steps make up for the time they take.
  void spend(size_t units) {
    if (static_cast<uint64_t>(left_) < units) {
      throw error(ErrorKind::kResourceExhausted, "the template does more work than we allow (an endless growth?)");
    }
    left_ -= static_cast<int64_t>(units);
  }
  static constexpr size_t kStepCost = 16, kFrameCost = 256;

  Namespace* make_namespace(Variables variables) {
    spend(kFrameCost);
    namespaces_.push_back(std::make_unique<Namespace>(Namespace{std::move(variables)}));
    return namespaces_.back().get();
  }

  const std::time_t now;

 private:
  int64_t left_ = int64_t{1} << 26;
  std::vector<std::unique_ptr<Namespace>> namespaces_;  // live as long as any value can
};

}  // namespace pent::jinja
