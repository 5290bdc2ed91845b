// What a head request makes of one row of logits. Every backend's answers come from here, so that they agree.
#pragma once

#include <cstddef>
#include <span>

#include "model/pass_plan.h"

namespace pent {

// Throws kInvalidArgument naming the field when the request contradicts itself, the vocabulary or the number of head
// rows.
void check_head_request(const HeadRequest& request, size_t head_rows, int vocab_size);

// Applies the biases to `logits` in place and answers the request for head row `row`. Throws kCorrupt when a logit is
// not finite, kInvalidArgument when the biases ban every token. The request has been checked.
RowStats reduce_logits(std::span<float> logits, const HeadRequest& request, size_t row);

}  // namespace pent
