// A generation as a person or a program sees it: live picture, streamed text, trace file, JSON.
#pragma once

#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "cli/command_line.h"
#include "cli/live_view.h"
#include "engine/generate.h"
#include "sample/trace_json.h"

namespace pent::cli {

struct OutputOptions {
  bool json = false;
  bool verbose = false;      // every token with the step that set it and its confidence
  std::optional<bool> live;  // --live, --no-live; unset: where stdout and stderr are terminals
  std::string trace_file;
};
void add_output_options(CommandLine& line, OutputOptions& options);

// Text that grows token by token, written as whole characters and without what may become a stop string.
class TextStream {
 public:
  using Write = std::function<void(std::string_view)>;
  TextStream(const Tokenizer& tokenizer, std::vector<std::string> stops, Write write)
      : decoder_(tokenizer), stops_(std::move(stops)), write_(std::move(write)) {}
  void push(TokenId id);
  void finish(const std::string& text);  // writes what of the final text is still missing

 private:
  StreamDecoder decoder_;
  std::vector<std::string> stops_;
  Write write_;
  std::string held_;
  size_t written_ = 0;
};

// Shows the generations of one model, one after the other. The picture goes to stderr, the text to stdout.
class Presenter {
 public:
  // Throws kIo if the trace file cannot be made.
  Presenter(const Model& model, const OutputOptions& output, const GenerationOptions& options);

  enum class Picture { kAnswer, kWhole };  // without or with the prompt's cells
  TraceSink begin(int prompt_tokens, Picture picture = Picture::kAnswer);
  // Ends the picture and writes `shown`, line feeds and all, unless JSON is wanted; what it cost is told to a terminal.
  void end(const Generation& generation, const std::string& shown);
  void close();  // throws kIo if the trace could not be written

 private:
  struct FileCloser {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  const Model& model_;
  OutputOptions output_;
  GenerationOptions options_;
  bool is_canvas_;  // painted cell by cell; else the text grows token by token
  bool live_;
  std::unique_ptr<std::FILE, FileCloser> trace_;
  std::unique_ptr<LiveView> view_;
  std::unique_ptr<TextStream> stream_;
};

PieceLookup tokenizer_pieces(const Tokenizer& tokenizer);
LiveViewOptions live_view_on_stderr();

// {schema, text, token_ids, finish_reason, …}: the keys of the contract.
Json to_json(const Generation& generation, const std::string& model);
// The same of a request with a canvas: {schema, text, holes: {name: {text, tokens, finish}}, …}.
Json to_json(const Filling& filling, const Request& request, const Model& model, bool verbose);
// With --verbose also "cells": [{token, text, step, confidence}, …].
Json written_to_json(const Generation& generation, const Tokenizer& tokenizer);

// 0, or 130/143 when the generation was cut by a signal.
int exit_code(const Generation& generation);

}  // namespace pent::cli
