// Which tokens are recent (sample/penalty.h).
#include "sample/penalty.h"

#include <algorithm>

namespace pent {

void request_penalty(const SamplingParams& params, const Canvas& canvas, int32_t cell,
                     std::span<const int32_t> stop_ids, HeadRequest& request) {
  if (params.repetition_penalty == 1) return;
  std::vector<int32_t>& recent = request.recent.emplace_back();
  const int32_t end =
      static_cast<int32_t>(std::min<int64_t>(canvas.size(), int64_t{cell} + params.repetition_window + 1));
  for (int32_t near = std::max(0, cell - params.repetition_window); near < end; ++near) {
    if (near != cell && !is_open(canvas[near].state)) recent.push_back(canvas[near].token);
  }
  std::sort(recent.begin(), recent.end());
  recent.erase(std::unique(recent.begin(), recent.end()), recent.end());
  std::erase_if(recent,
                [&](int32_t token) { return std::find(stop_ids.begin(), stop_ids.end(), token) != stop_ids.end(); });
}

}  // namespace pent
