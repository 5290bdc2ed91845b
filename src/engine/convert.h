// A model between its containers: Hugging Face directories and GGUF files, in any type that can be written (docs/convert.md).
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/thread_pool.h"
#include "io/model_files.h"

namespace pent {

struct ConvertOptions {
  std::string type;  // a GGUF mixture; f32, f16 or bf16 for a directory; empty: the matrices as they are stored
  const CancelToken* cancel = nullptr;
  // From the writing thread: bytes written so far, of how many, and the tensor that is being written.
  std::function<void(uint64_t written, uint64_t total, const std::string& tensor)> progress;
};

struct ConvertReport {
  std::string family;  // empty: a GGUF file of none of ours, which was only requantised
  int64_t tensors = 0;
  uint64_t source_bytes = 0, bytes = 0;     // of tensors
  std::map<std::string, int64_t> elements;  // written, by type
  std::vector<std::string> notes;           // what another program will not understand, a sentence each
};

// Writes `target`: a GGUF file if it is named .gguf, else a directory, which must be new or empty. A GGUF source that stays GGUF
// keeps its metadata and names and need be of no family. Everything is checked before the first byte is written; files get
// their names when they are whole. Throws kUnsupported for what the other container cannot say, kInvalidArgument for a target
// that is the source, kResourceExhausted for a disk that is too full, and what opening and reading throw.
ConvertReport convert_model(const ModelFiles& source, const std::filesystem::path& target,
                            const ConvertOptions& options, ThreadPool& pool);

}  // namespace pent
