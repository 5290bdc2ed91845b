// The models that the binary carries (cmake/EmbedFiles.cmake puts every directory of models/ into it).
#pragma once

#include <vector>

#include "engine/model.h"

namespace pent::cli {

std::vector<EmbeddedModel> embedded_models();  // the default first; empty when built without any

}  // namespace pent::cli
