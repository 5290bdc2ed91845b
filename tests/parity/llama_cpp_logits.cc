// What llama.cpp makes of a GGUF file. Built by tests/parity/compare_llama_cpp.py against the tree of bench/peers.
//   llama_cpp_logits MODEL OUT < ids     one sequence a line, ids separated by blanks; their logits, float32 [rows, vocab], to OUT
//   llama_cpp_logits MODEL < text        the ids of every line, as an array
#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "llama.h"

namespace {

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "llama.cpp: %s\n", what);
  std::exit(1);
}

void only_errors(ggml_log_level level, const char* text, void*) {
  if (level == GGML_LOG_LEVEL_ERROR) std::fputs(text, stderr);
}

std::vector<llama_token> tokenize(const llama_vocab* vocab, const std::string& text) {
  const auto size = static_cast<int32_t>(text.size());
  std::vector<llama_token> ids(text.size() + 8);
  const int n = llama_tokenize(vocab, text.data(), size, ids.data(), static_cast<int32_t>(ids.size()), false, true);
  if (n < 0) fail("cannot tokenize");
  ids.resize(static_cast<size_t>(n));
  return ids;
}

// Everything in float32, without the fused attention; a context of its own for every sequence.
void write_logits(llama_model* model, const std::vector<llama_token>& ids, std::FILE* out) {
  const auto n = static_cast<int32_t>(ids.size());
  llama_context_params params = llama_context_default_params();
  params.n_ctx = params.n_batch = params.n_ubatch = static_cast<uint32_t>(n);
  params.n_threads = params.n_threads_batch = 2;
  params.type_k = params.type_v = GGML_TYPE_F32;
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
  llama_context* context = llama_init_from_model(model, params);
  if (context == nullptr) fail("no context");
  llama_batch batch = llama_batch_init(n, 0, 1);
  batch.n_tokens = n;
  for (int32_t i = 0; i < n; ++i) {
    batch.token[i] = ids[static_cast<size_t>(i)];
    batch.pos[i] = i;
    batch.n_seq_id[i] = 1;
    batch.seq_id[i][0] = 0;
    batch.logits[i] = 1;
  }
  if (llama_decode(context, batch) != 0) fail("cannot decode");
  const auto vocab = static_cast<size_t>(llama_vocab_n_tokens(llama_model_get_vocab(model)));
  for (int32_t i = 0; i < n; ++i) std::fwrite(llama_get_logits_ith(context, i), sizeof(float), vocab, out);
  llama_batch_free(batch);
  llama_free(context);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) fail("usage: llama_cpp_logits MODEL [OUT]");
  llama_log_set(only_errors, nullptr);
  llama_backend_init();
  llama_model_params params = llama_model_default_params();
  params.vocab_only = argc == 2;
  llama_model* model = llama_model_load_from_file(argv[1], params);
  if (model == nullptr) fail("cannot open the model");
  std::FILE* out = argc > 2 ? std::fopen(argv[2], "wb") : nullptr;
  for (std::string line; std::getline(std::cin, line);) {
    if (out == nullptr) {
      std::string text = "[";
      for (const llama_token id : tokenize(llama_model_get_vocab(model), line))
        text += (text.size() > 1 ? "," : "") + std::to_string(id);
      std::puts((text + "]").c_str());
      continue;
    }
    std::istringstream words(line);
    std::vector<llama_token> ids;
    for (llama_token id; words >> id;) ids.push_back(id);
    write_logits(model, ids, out);
  }
  if (out != nullptr) std::fclose(out);
  return 0;
}
