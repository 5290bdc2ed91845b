// The options of one verb. CLI11 stands behind it in command_line.cc alone: each file that includes it takes seconds more
// to compile.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace pent::cli {

// What an option is, for completions and the manual page.
struct OptionFacts {
  std::vector<std::string> names;  // "-m", "--model"; empty for the positional one
  std::string positional;          // "PROMPT"
  std::string help;
  bool takes_value = false;
  std::vector<std::string> words;  // the only values it takes, if there are few
};

class CommandLine {
 public:
  class Option {
   public:
    explicit Option(CLI::Option* option) : option_(option) {}
    Option& required();
    Option& words(const std::vector<std::string>& words);  // the only values allowed
    Option& range(double low, double high);
    Option& excludes(const Option& other);
    Option& needs(const Option& other);
    Option& show_default();
    bool given() const;

   private:
    CLI::Option* option_;
  };

  CommandLine(const std::string& name, const std::string& summary, const std::string& example);
  ~CommandLine();
  CommandLine(CommandLine&&) noexcept;

  // `value` must outlive the parsing. Throws nothing; a name used twice is our bug.
  Option positional(const char* name, std::string& value, const char* help);
  Option option(const char* names, std::string& value, const char* help);
  Option option(const char* names, int& value, const char* help);
  Option option(const char* names, uint64_t& value, const char* help);
  Option option(const char* names, double& value, const char* help);
  Option option(const char* names, std::optional<int>& value, const char* help);
  Option option(const char* names, std::optional<double>& value, const char* help);
  Option option(const char* names, std::optional<std::string>& value, const char* help);
  Option option(const char* names, std::vector<std::string>& values, const char* help);  // one value each, repeatable
  Option flag(const char* names, bool& value, const char* help);
  Option flag(const char* names, std::function<void()> when_given, const char* help);

  enum class Parsed { kOk, kHelp };
  Parsed parse(std::vector<std::string> arguments);  // throws kInvalidArgument
  std::string help() const;
  std::vector<OptionFacts> facts() const;

 private:
  std::unique_ptr<CLI::App> app_;
};

}  // namespace pent::cli
