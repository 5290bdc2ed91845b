// A model ready to use: weights in a denoiser, tokenizer, chat template, generation defaults.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "engine/constraint.h"
#include "engine/mode_planner.h"
#include "io/model_files.h"
#include "model/denoiser.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace pent {

struct Model {
  std::string name;  // as the user wrote it, or the embedded model's name
  ModelFiles files;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::unique_ptr<ChatTemplate> chat_template;  // null if it has none, or files.chat_template_refusal says why
  std::unique_ptr<Denoiser> denoiser;
  ConstraintCompiler constraints;
  int threads = 0;  // that compute
  bool precise = false;
  std::filesystem::path cost_folder;     // where what forwards cost here is kept (engine/cost_curve.h); empty: nowhere
  std::shared_ptr<ModePlanner> planner;  // of --mode auto, once it was asked for; remembers from answer to answer
};

// A model the binary carries: file name -> bytes that live as long as the process.
struct EmbeddedModel {
  std::string name;
  std::map<std::string, std::span<const std::byte>> files;
};

// $PENT_HOME, else $XDG_CACHE_HOME/pent, else ~/.cache/pent.
std::filesystem::path pent_home();

// Where large models are kept packed: pent_home()/packed, or nowhere (empty) with PENT_KEEP_PACKED=0.
std::filesystem::path packed_folder();

// Where what forwards cost on this machine is kept: pent_home()/costs.
std::filesystem::path cost_folder();

// Finds `reference`: empty = the first embedded model; else an embedded model's name; a directory or .gguf file; a name under
// $PENT_HOME/models (directory or NAME.gguf); org/name[@revision][:QUANT] in the Hugging Face cache, where QUANT picks the one
// .gguf with it in its name. kNotFound lists where it looked.
ModelFiles find_model(const std::string& reference, const std::vector<EmbeddedModel>& embedded);

// The template to use; null if the model has none. Throws the refusal of one that cannot be used.
const ChatTemplate* usable_chat_template(const Model& model);

// The template that the files have, parsed; null if there is none, or where `files.chat_template_refusal` is, or becomes, set.
std::unique_ptr<ChatTemplate> parse_chat_template(ModelFiles& files);

Model load_model(const std::string& reference, const std::vector<EmbeddedModel>& embedded, ThreadPool& pool,
                 const NativeOptions& options = {});

}  // namespace pent
