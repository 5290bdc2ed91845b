#include "text/jinja/functions.h"

#include "text/jinja/arguments.h"
#include "text/jinja/operators.h"
#include "text/jinja/printing.h"

namespace pent::jinja {
namespace {

constexpr int64_t kMaxRange = 100000;  // as Jinja2's sandbox

Value range(Runtime& runtime, const Value&, const Arguments& arguments) {
  const Parameters given("range", arguments, {"start", "stop", "step"});
  given.required(0);
  const int64_t start = given.find(1) ? given.integer(0, 0) : 0;
  const int64_t stop = given.find(1) ? given.integer(1, 0) : given.integer(0, 0), step = given.integer(2, 1);
  if (step == 0) throw wrong("the step of 'range' is zero");
  Items numbers;
  for (int64_t i = start; step < 0 ? i > stop : i < stop;) {
    if (static_cast<int64_t>(numbers.size()) >= kMaxRange) throw wrong("a range of more than {} numbers", kMaxRange);
    runtime.spend(Runtime::kStepCost);
    numbers.push_back(i);
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  return numbers;
}

// dict(mapping or pairs, name=value …), in order, later ones over earlier ones.
Entries gather(Runtime& runtime, const char* callee, const Arguments& arguments) {
  if (arguments.positional.size() > 1) throw wrong("'{}' takes one mapping at most", callee);
  Entries entries;
  if (!arguments.positional.empty()) {
    const Value& source = arguments.positional[0];
    if (source.as_dict()) {
      entries = *source.as_dict();
      runtime.spend(entries.size() * Runtime::kStepCost);
    } else {
      for (const Value& pair : items_of(source, runtime)) {
        if (!pair.as_list() || pair.as_list()->size() != 2) throw wrong("'{}' of what is not made of pairs", callee);
        set_entry(entries, (*pair.as_list())[0], (*pair.as_list())[1], runtime);
      }
    }
  }
  for (const auto& [name, value] : arguments.named) set_entry(entries, name, value, runtime);
  return entries;
}

Value dict(Runtime& runtime, const Value&, const Arguments& arguments) { return gather(runtime, "dict", arguments); }

Value make_namespace(Runtime& runtime, const Value&, const Arguments& arguments) {
  Variables variables;
  for (auto& [name, value] : gather(runtime, "namespace", arguments)) {
    if (!name.as_string()) throw wrong("a name in a namespace is {}", name.type_name());
    variables.emplace_back(*name.as_string(), std::move(value));
  }
  return runtime.make_namespace(std::move(variables));
}

Value raise_exception(Runtime& runtime, const Value&, const Arguments& arguments) {
  const Parameters given("raise_exception", arguments, {"message"});
  throw wrong("{}", printable(to_text(given.required(0), runtime), 1000));
}

// The local time. Only conversions that every C library has, so that none runs away with a text that is not ours.
Value strftime_now(Runtime& runtime, const Value&, const Arguments& arguments) {
  const Parameters given("strftime_now", arguments, {"format"});
  given.required(0);
  const std::string format = given.string(0, "");
  constexpr std::string_view kConversions = "aAbBcCdDeFgGhHIjmMnprRStTuUVwWxXyYzZ%";
  std::tm local{};
  localtime_r(&runtime.now, &local);
  std::string out;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      out += format[i];
      continue;
    }
    std::string conversion = "%";
    if (i + 1 < format.size() && format[i + 1] == '-') conversion += format[++i];  // no zeros in front
    const char letter = i + 1 < format.size() ? format[++i] : '\0';
    if (letter == '\0' || kConversions.find(letter) == std::string_view::npos) {
      throw error(ErrorKind::kUnsupported, "the time format '{}' is not supported in chat templates yet",
                  printable(conversion + letter, 40));
    }
    conversion += letter;
    char buffer[128];
    out.append(buffer, std::strftime(buffer, sizeof buffer, conversion.c_str(), &local));
  }
  runtime.spend(out.size());
  return out;
}

struct Global {
  std::string_view name;
  Builtin call;
};
constexpr Global kGlobals[] = {{"dict", dict},
                               {"namespace", make_namespace},
                               {"raise_exception", raise_exception},
                               {"range", range},
                               {"strftime_now", strftime_now}};

}  // namespace

Value global_function(std::string_view name) {
  for (const Global& global : kGlobals) {
    if (global.name == name) return Function{.name = std::string(name), .builtin = global.call};
  }
  return {};
}

}  // namespace pent::jinja
