#include "cli/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/error.h"

namespace pent::cli {

using Option = CommandLine::Option;

Option& Option::required() {
  option_->required();
  return *this;
}
Option& Option::words(const std::vector<std::string>& words) {
  option_->check(CLI::IsMember(words));
  return *this;
}
Option& Option::range(double low, double high) {
  // In long double, which holds every 64-bit integer.
  option_->check(
      [low, high](const std::string& text) {
        long double value = 0;
        const bool good = CLI::detail::lexical_cast(text, value) && value >= low && value <= high;
        return good ? std::string() : fmt::format("{} is not in the range {} to {}", text, low, high);
      },
      "");
  return *this;
}
Option& Option::excludes(const Option& other) {
  option_->excludes(other.option_);
  return *this;
}
Option& Option::needs(const Option& other) {
  option_->needs(other.option_);
  return *this;
}
Option& Option::show_default() {
  option_->capture_default_str();
  return *this;
}
bool Option::given() const { return option_->count() > 0; }

CommandLine::CommandLine(const std::string& name, const std::string& summary, const std::string& example)
    : app_(std::make_unique<CLI::App>(summary, name)) {
  app_->get_formatter()->column_width(34);
  app_->set_help_flag("-h,--help", "this help");
  app_->footer(fmt::format("Example:\n  {}", example));
}
CommandLine::~CommandLine() = default;
CommandLine::CommandLine(CommandLine&&) noexcept = default;

Option CommandLine::positional(const char* name, std::string& value, const char* help) {
  return option(name, value, help);
}
Option CommandLine::option(const char* names, std::string& value, const char* help) {
  return Option(app_->add_option(names, value, help));
}
Option CommandLine::option(const char* names, int& value, const char* help) {
  return Option(app_->add_option(names, value, help));
}
Option CommandLine::option(const char* names, uint64_t& value, const char* help) {
  return Option(app_->add_option(names, value, help));
}
Option CommandLine::option(const char* names, double& value, const char* help) {
  return Option(app_->add_option(names, value, help));
}
Option CommandLine::option(const char* names, std::optional<int>& value, const char* help) {
  return Option(app_->add_option(names, value, help));
}
Option CommandLine::option(const char* names, std::optional<double>& value, const char* help) {
  return Option(app_->add_option(names, value, help));
}
Option CommandLine::option(const char* names, std::optional<std::string>& value, const char* help) {
  return Option(app_->add_option(names, value, help));
}
Option CommandLine::option(const char* names, std::vector<std::string>& values, const char* help) {
  return Option(app_->add_option(names, values, help)->take_all()->expected(1)->allow_extra_args(false));
}
Option CommandLine::flag(const char* names, bool& value, const char* help) {
  return Option(app_->add_flag(names, value, help));
}
Option CommandLine::flag(const char* names, std::function<void()> when_given, const char* help) {
  return Option(app_->add_flag_callback(names, std::move(when_given), help));
}

CommandLine::Parsed CommandLine::parse(std::vector<std::string> arguments) {
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
  try {
    app_->parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    return Parsed::kHelp;
  } catch (const CLI::ParseError& e) {
    throw error(ErrorKind::kInvalidArgument, "{} (see {} --help)", e.what(), app_->get_name());
  }
  return Parsed::kOk;
}

std::string CommandLine::help() const {
  std::string text = app_->help();
  if (const size_t gap = text.find("\n\n\n"); gap != text.npos) text.erase(gap, 1);  // CLI11's, before the footer
  return text;
}

namespace {

// CLI11 shows a set of words as "TEXT:{auto,ar,diffusion}".
std::vector<std::string> words_of(const std::string& type_name) {
  const size_t open = type_name.find('{');
  const size_t close = type_name.find('}');
  if (open == std::string::npos || close == std::string::npos) return {};
  return CLI::detail::split(type_name.substr(open + 1, close - open - 1), ',');
}

}  // namespace

std::vector<OptionFacts> CommandLine::facts() const {
  std::vector<OptionFacts> facts;
  for (const CLI::Option* option : app_->get_options([](const CLI::Option*) { return true; })) {
    OptionFacts one;
    for (const std::string& name : option->get_snames()) one.names.push_back(fmt::format("-{}", name));
    for (const std::string& name : option->get_lnames()) one.names.push_back(fmt::format("--{}", name));
    if (one.names.empty()) one.positional = option->get_name(true);
    one.help = option->get_description();
    one.takes_value = option->get_items_expected_max() > 0;
    one.words = words_of(option->get_type_name());
    facts.push_back(std::move(one));
  }
  return facts;
}

}  // namespace pent::cli
