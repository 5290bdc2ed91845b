// Blocks. The body of a loop has a frame of its own, made anew for each turn; so have macros and blocks whose text is
// caught; an if has none.
#include "text/jinja/evaluator.h"

#include <algorithm>
#include <optional>

#include "text/jinja/expression_evaluator.h"
#include "text/jinja/operators.h"
#include "text/jinja/printing.h"

namespace pent::jinja {
namespace {

constexpr size_t kMaxOutputBytes = size_t{1} << 24;

class Evaluator final : public ExpressionEvaluator {
 public:
  Evaluator(Variables globals, std::time_t now, const std::string& where)
      : ExpressionEvaluator(std::move(globals), now), where_(where) {}

  std::string run(const Body& body) {
    try {
      execute(body);
    } catch (const Error& problem) {
      throw Error(problem.kind(), fmt::format("{}:{}: {}", where_, line_, problem.what()));
    }
    return std::move(output_);
  }

 private:
  enum class Flow { kNext, kBreak, kContinue };

  void print(std::string_view text) {
    if (output_.size() + text.size() > kMaxOutputBytes) {
      throw error(ErrorKind::kResourceExhausted, "the template writes more than {} bytes", kMaxOutputBytes);
    }
    runtime_.spend(text.size());
    output_ += text;
  }

  Flow execute(const Body& body) {
    const Nesting nesting(*this);
    for (const Node& node : body) {
      runtime_.spend(Runtime::kStepCost);
      line_ = node.line;
      const Flow flow = execute(node);
      if (flow != Flow::kNext) return flow;
    }
    return Flow::kNext;
  }

  Flow execute(const Node& node) {
    switch (node.kind) {
      case NodeKind::kText: print(node.text); break;
      case NodeKind::kPrint: print(to_text(evaluate(*node.expression), runtime_)); break;
      case NodeKind::kIf: return execute_if(node);
      case NodeKind::kFor: return execute_for(node);
      case NodeKind::kSet: assign(node, evaluate(*node.expression)); break;
      case NodeKind::kSetBlock: return execute_caught(node, [&](Value text) { assign(node, std::move(text)); });
      case NodeKind::kFilter: return execute_caught(node, [&](const Value& text) { print(to_text(text, runtime_)); });
      case NodeKind::kWith: return execute_with(node);
      case NodeKind::kMacro: set_variable(frames_.current()->variables, node.text, macro_of(node)); break;
      case NodeKind::kCall: {
        const Value caller = macro_of(node);
        print(to_text(call(*node.expression, &caller), runtime_));
        break;
      }
      case NodeKind::kGeneration: {
        const auto scope = enter(frames_.current(), {});
        return execute(node.branches[0].body);
      }
      case NodeKind::kBreak: return Flow::kBreak;
      case NodeKind::kContinue: return Flow::kContinue;
    }
    return Flow::kNext;
  }

  Frames::Scope enter(Frame* parent, Variables variables) {
    runtime_.spend(Runtime::kFrameCost);
    return Frames::Scope(frames_, parent, std::move(variables));
  }

  Flow execute_if(const Node& node) {
    for (const Branch& branch : node.branches) {
      if (!branch.condition || evaluate(*branch.condition).truth()) return execute(branch.body);
    }
    return Flow::kNext;
  }

  // One name for the value, or as many as it has items.
  Variables unpack(const std::vector<Target>& targets, const Value& value) {
    if (targets.size() == 1) return {{targets[0].name, value}};
    const Items items = items_of(value, runtime_);
    if (items.size() != targets.size()) {
      throw wrong("cannot unpack {} values into {} variables", items.size(), targets.size());
    }
    Variables variables;
    for (size_t i = 0; i < items.size(); ++i) set_variable(variables, targets[i].name, items[i]);
    return variables;
  }

  Flow execute_for(const Node& node) {
    Items items = items_of(evaluate(*node.expression), runtime_);
    line_ = node.line;
    if (node.filter) {
      std::erase_if(items, [&](const Value& item) {
        const auto scope = enter(frames_.current(), unpack(node.targets, item));
        return !evaluate(*node.filter).truth();
      });
    }
    for (size_t i = 0; i < items.size(); ++i) {
      line_ = node.line;
      Variables variables = unpack(node.targets, items[i]);
      if (node.uses_loop) variables.emplace_back("loop", loop_of(items, i));
      const auto scope = enter(frames_.current(), std::move(variables));
      if (execute(node.branches[0].body) == Flow::kBreak) break;
    }
    if (items.empty() && node.branches.size() > 1) return execute(node.branches[1].body);
    return Flow::kNext;
  }

  static Value loop_of(const Items& items, size_t i) {
    const auto at = static_cast<int64_t>(i), count = static_cast<int64_t>(items.size());
    Entries loop{{"index", at + 1},        {"index0", at},
                 {"revindex", count - at}, {"revindex0", count - at - 1},
                 {"first", at == 0},       {"last", at + 1 == count},
                 {"length", count},        {"depth", int64_t{1}},
                 {"depth0", int64_t{0}},   {"cycle", Function{.name = "cycle", .builtin = cycle, .self = at}}};
    if (i > 0) loop.emplace_back("previtem", items[i - 1]);
    if (i + 1 < items.size()) loop.emplace_back("nextitem", items[i + 1]);
    return loop;
  }

  // loop.cycle('odd', 'even')
  static Value cycle(Runtime&, const Value& index, const Arguments& arguments) {
    if (arguments.positional.empty()) throw wrong("'cycle' needs values");
    return arguments.positional[static_cast<size_t>(*index.as_int()) % arguments.positional.size()];
  }

  void assign(const Node& node, Value value) {
    line_ = node.line;
    Variables& variables = frames_.current()->variables;
    const Target& target = node.targets[0];
    if (target.attribute.empty()) {
      for (auto& [name, item] : unpack(node.targets, value)) set_variable(variables, name, std::move(item));
      return;
    }
    Namespace* space = nullptr;
    for (const Frame* frame = frames_.current(); frame && !space; frame = frame->parent) {
      const Value* found = find_variable(frame->variables, target.name);
      if (!found) continue;
      space = found->as_namespace();
      break;
    }
    if (!space) throw wrong("'{}' is not a namespace, so that nothing can be set in it", printable(target.name, 40));
    runtime_.spend(space->variables.size());
    set_variable(space->variables, target.attribute, std::move(value));
  }

  // Runs the body of a set or filter block and gives `use` its text, filtered.
  template <typename Use>
  Flow execute_caught(const Node& node, const Use& use) {
    Flow flow = Flow::kNext;
    std::string text = caught([&] {
      const auto scope = enter(frames_.current(), {});
      flow = execute(node.branches[0].body);
    });
    if (flow != Flow::kNext) return flow;
    body_text_ = Value(std::move(text));
    use(evaluate(*node.filter));
    return flow;
  }

  // What is printed meanwhile.
  template <typename Run>
  std::string caught(const Run& run) {
    std::string outer = std::exchange(output_, {});
    run();
    return std::exchange(output_, std::move(outer));
  }

  Flow execute_with(const Node& node) {
    Variables variables;
    for (size_t i = 0; i < node.targets.size(); ++i) {
      set_variable(variables, node.targets[i].name, evaluate(*node.defaults[i]));
    }
    const auto scope = enter(frames_.current(), std::move(variables));
    return execute(node.branches[0].body);
  }

  Value macro_of(const Node& node) {
    runtime_.spend(Runtime::kFrameCost);
    return Function{.name = node.text, .macro = &node, .frame = frames_.capture()};
  }

  Value call_macro(const Function& function, const Arguments& arguments) override {
    const Nesting nesting(*this);
    const Node& macro = *function.macro;
    const auto scope = enter(function.frame, {});
    Variables& variables = frames_.current()->variables;
    bind(macro, arguments, variables);
    return caught([&] { execute(macro.branches[0].body); });
  }

  // Parameters in order; a default sees those before it. Beyond them only what the body asks for.
  void bind(const Node& macro, const Arguments& arguments, Variables& variables) {
    const std::string name = printable(macro.text, 40);
    for (size_t i = 0; i < macro.targets.size(); ++i) {
      const std::string& parameter = macro.targets[i].name;
      const Value* named = find_variable(arguments.named, parameter);
      if (i < arguments.positional.size()) {
        if (named) throw wrong("the macro '{}' is given '{}' twice", name, printable(parameter, 40));
        set_variable(variables, parameter, arguments.positional[i]);
      } else {
        set_variable(variables, parameter, named ? *named : macro.defaults[i] ? evaluate(*macro.defaults[i]) : Value());
      }
    }
    const size_t given = std::min(arguments.positional.size(), macro.targets.size());
    if (arguments.positional.size() > given && !macro.uses_varargs) {
      throw wrong("the macro '{}' takes at most {} arguments, not {}", name, given, arguments.positional.size());
    }
    if (macro.uses_varargs) {
      variables.emplace_back("varargs", Value(arguments.without_first(given).positional, ListKind::kTuple));
    }
    Entries others;
    for (const auto& [keyword, value] : arguments.named) {
      if (std::any_of(macro.targets.begin(), macro.targets.end(), [&](const Target& t) { return t.name == keyword; })) {
        continue;
      }
      if (keyword == "caller" && macro.uses_caller) {
        variables.emplace_back("caller", value);
      } else if (macro.uses_kwargs) {
        others.emplace_back(keyword, value);
      } else {
        throw wrong("the macro '{}' has no argument '{}'", name, printable(keyword, 40));
      }
    }
    if (macro.uses_kwargs) variables.emplace_back("kwargs", std::move(others));
  }

  const std::string& where_;
  std::string output_;
};

}  // namespace

std::string render(const Body& body, Variables globals, std::time_t now, const std::string& where) {
  return Evaluator(std::move(globals), now, where).run(body);
}

}  // namespace pent::jinja
