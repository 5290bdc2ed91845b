// The conversation: lines in, answers out, the history kept as far as the context holds it.
#include "cli/chat.h"

#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/cancel.h"
#include "base/error.h"

namespace pent::cli {
namespace {

enum class Input { kLine, kInterrupted, kEnd };

// A line from the terminal. std::getline would swallow the interruption, so it reads by itself.
Input read_line(std::string& line) {
  line.clear();
  for (;;) {
    if (interrupt_token().cancelled()) return Input::kInterrupted;
    char c = 0;
    const ssize_t got = ::read(STDIN_FILENO, &c, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return line.empty() ? Input::kEnd : Input::kLine;
    if (c == '\n') return Input::kLine;
    line += c;
  }
}

void rearm_interrupt() {
  interrupt_token().reset();
  install_interrupt_handler();
}

constexpr const char* kCommands = "/clear forgets the conversation, /bye ends it; ^C stops an answer\n";

class Conversation {
 public:
  Conversation(Model& model, const ChatOptions& options, Presenter& presenter)
      : model_(model), options_(options), presenter_(presenter) {}

  void clear() { messages_.clear(); }

  // Returns whether the answer was cut by a signal.
  bool answer(const std::string& line) {
    messages_.push_back({"user", line});
    for (;;) {
      try {
        const std::vector<TokenId> prompt = make_prompt(model_, with_system(), options_.raw, options_.tools);
        const TraceSink trace = presenter_.begin(static_cast<int>(prompt.size()));
        const Generation generation = generate(model_, prompt, options_.generation, trace, &interrupt_token());
        presenter_.end(generation, generation.text + "\n");
        messages_.push_back({"assistant", generation.text});
        return generation.finish_reason == "cancelled";
      } catch (const Error& e) {
        // Refused before any work: too long. The oldest exchange goes first.
        if (e.kind() != ErrorKind::kInvalidArgument || messages_.size() < 3) {
          messages_.pop_back();
          throw;
        }
        messages_.erase(messages_.begin(), messages_.begin() + 2);
      }
    }
  }

 private:
  std::vector<ChatMessage> with_system() const {
    std::vector<ChatMessage> messages = messages_;
    if (!options_.system.empty()) messages.insert(messages.begin(), {"system", options_.system});
    return messages;
  }

  Model& model_;
  const ChatOptions& options_;
  Presenter& presenter_;
  std::vector<ChatMessage> messages_;
};

}  // namespace

int chat(Model& model, const ChatOptions& options, Presenter& presenter) {
  fmt::print(stderr, "{}: {}", model.name, kCommands);
  Conversation conversation(model, options, presenter);
  std::string line;
  for (;;) {
    fmt::print(stderr, "> ");
    const Input input = read_line(line);
    if (input == Input::kEnd || line == "/bye") return 0;
    if (input == Input::kInterrupted) {
      if (interrupt_signal() == SIGTERM) return 128 + SIGTERM;
      fmt::print(stderr, "\n(/bye ends the conversation)\n");
      rearm_interrupt();
      continue;
    }
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    if (line == "/clear") {
      conversation.clear();
      continue;
    }
    if (line[0] == '/') {
      fmt::print(stderr, "{}", kCommands);
      continue;
    }
    try {
      if (conversation.answer(line)) {
        if (interrupt_signal() == SIGTERM) return 128 + SIGTERM;
        rearm_interrupt();
      }
    } catch (const Error& e) {
      fmt::print(stderr, "{}\n", e.what());
    }
  }
}

}  // namespace pent::cli
