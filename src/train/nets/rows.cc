// Picks the widest set of row loops this machine runs.
#include "train/nets/rows.h"

namespace pent::train {

extern const RowLoops<float> rows_baseline_f32, rows_avx2_f32, rows_avx512_f32;
extern const RowLoops<uint16_t> rows_baseline_bf16, rows_avx2_bf16, rows_avx512_bf16;

namespace {

enum class Level { kBaseline, kAvx2, kAvx512 };

Level level() {
#if defined(PENT_X86_ROWS)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl"))
    return Level::kAvx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2")) return Level::kAvx2;
#endif
  return Level::kBaseline;
}

template <typename Set>
const Set& pick([[maybe_unused]] const Set& avx512, [[maybe_unused]] const Set& avx2, const Set& baseline) {
  static const Level chosen = level();
#if defined(PENT_X86_ROWS)
  if (chosen == Level::kAvx512) return avx512;
  if (chosen == Level::kAvx2) return avx2;
#endif
  return baseline;
}

}  // namespace

#if defined(PENT_X86_ROWS)
template <> const RowLoops<float>& row_loops() { return pick(rows_avx512_f32, rows_avx2_f32, rows_baseline_f32); }
template <> const RowLoops<uint16_t>& row_loops() { return pick(rows_avx512_bf16, rows_avx2_bf16, rows_baseline_bf16); }
#else
template <> const RowLoops<float>& row_loops() { return rows_baseline_f32; }
template <> const RowLoops<uint16_t>& row_loops() { return rows_baseline_bf16; }
#endif

}  // namespace pent::train
