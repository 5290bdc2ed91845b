// What every container's fuzz target does with a file that opened: read all of it.
#pragma once

#include <vector>

#include "io/weight_source.h"

namespace pent {

inline void read_all(const WeightSource& source) {
  std::vector<float> row;
  for (const std::string& name : source.names()) {
    const TensorView& tensor = *source.find(name);
    if (tensor.elements() == 0) continue;  // one axis is 0, the others may be anything
    row.resize(static_cast<size_t>(tensor.cols()));
    for (int64_t i = 0; i < tensor.rows(); ++i) dequantize_rows(tensor, i, i + 1, row.data());
  }
}

}  // namespace pent
