#include "model/workspace.h"

#include <algorithm>

namespace pent {

void Machine::gate(FfnKind kind, const float* gate_up, int64_t width, float* out) const {
  const float* up = gate_up + width;
  if (kind == FfnKind::kSwiGlu) return kernels.silu_mul(gate_up, up, width, out);
  kernels.gelu(gate_up, width, out);
  for (int64_t i = 0; i < width; ++i) out[i] *= up[i];
}

// Work items are panels of outputs for up to kRowBlock rows; where they are cut changes no bit (kernels/kernels.h). A panel's
// weights are read once per row block; the block's activations stay in the second-level cache. Few rows read weights for little
// arithmetic: each thread takes some panels in a row, four times, so that neither the hand-out nor a slower thread costs much.
void Machine::matmul(const kernels::PackedMatrix& w, Activations& in, int64_t rows, float* out, bool add) const {
  const Stopwatch watch = measure(&PassTimes::matmul);
  constexpr int64_t kRowBlock = 128;
  const int64_t panels = w.panels(), row_blocks = (rows + kRowBlock - 1) / kRowBlock;
  const int64_t pieces = int64_t{4} * pool.threads();
  const int64_t grain = rows < 16 ? (panels + pieces - 1) / pieces : 1;
  pool.parallel_for(row_blocks * panels, grain, [&](int64_t begin, int64_t end, int) {
    while (begin < end) {
      const int64_t block = begin / panels, panel = begin % panels;
      const int64_t panel_end = std::min(panels, panel + end - begin);
      const kernels::MatmulRange range = {block * kRowBlock, std::min(rows, (block + 1) * kRowBlock), panel, panel_end,
                                          add};
      switch (w.format()) {
        case kernels::PackedMatrix::Format::kF32:
          kernels.matmul_f32(w.f32(), in.values.data(), in.width, out, w.n(), range);
          break;
        case kernels::PackedMatrix::Format::kQ8:
          kernels.matmul_q8(w.q8(), in.quantized.view(), out, w.n(), range);
          break;
        case kernels::PackedMatrix::Format::kQ4_0:
        case kernels::PackedMatrix::Format::kQ4_1:
          kernels.matmul_q4(w.q4(), in.quantized.view(), out, w.n(), range);
          break;
      }
      begin += panel_end - panel;
    }
  });
}

}  // namespace pent
