// Does this machine's BLAS multiply correctly? Old OpenBLAS releases do not on some processors.
#pragma once

#include <string>

namespace pent::train {

struct BlasReport {
  bool correct = false;
  double gflops_f32 = 0, gflops_bf16 = 0;
  std::string text;  // one line: what was found, and what to do about it
};
BlasReport check_blas();

}  // namespace pent::train
