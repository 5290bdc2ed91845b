// The conversation of `pent run` without a prompt.
#pragma once

#include "cli/answer.h"

namespace pent::cli {

struct ChatOptions {
  GenerationOptions generation;
  std::string system;
  Json tools = nullptr;  // Request::tools
  bool raw = false;
};

// Reads lines from the terminal until /bye or its end. ^C stops an answer, not the conversation. Returns the exit code.
int chat(Model& model, const ChatOptions& options, Presenter& presenter);

}  // namespace pent::cli
