// The sizes of published models, for synthetic ones and for benchmarks.
#pragma once

#include <span>
#include <string>

#include "model/spec.h"

namespace pent {

// name, dimensions, RoPE and norm constants of spec; family (unless the shape has experts) and token ids are the caller's.
struct PublishedShape {
  const char* name;   // "llada-8b"
  const char* title;  // "LLaDA-8B"
  ModelSpec spec;
};

std::span<const PublishedShape> published_shapes();

// Throws kInvalidArgument listing the names.
const PublishedShape& find_published_shape(const std::string& name);

}  // namespace pent
