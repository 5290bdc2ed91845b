// Renders chat templates for compare_templates.py. Each line of stdin is a JSON object: template (its text), where,
// messages, tools, add_generation_prompt, variables, now (seconds since 1970); each line of stdout {"text": …} or
// {"error": …}.
#include <iostream>
#include <string>

#include "base/error.h"
#include "base/json.h"
#include "text/chat_template.h"

namespace {

pent::Json answer(const std::string& line) {
  const pent::Json request = pent::parse_json(line, "stdin");
  pent::ChatInput input{.messages = request.at("messages"),
                        .tools = request.at("tools"),
                        .add_generation_prompt = request.at("add_generation_prompt"),
                        .variables = request.at("variables"),
                        .now = request.at("now").get<std::time_t>()};
  try {
    return {{"text",
             pent::ChatTemplate::parse(request.at("template").get<std::string>(), request.at("where")).apply(input)}};
  } catch (const pent::Error& problem) {
    return {{"error", problem.what()}};
  }
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) std::cout << pent::to_json_line(answer(line)) << '\n';
}
