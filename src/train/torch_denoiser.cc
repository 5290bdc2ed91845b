// Runs pass plans on the trainable net (torch_denoiser.h), a sequence at a time.
#include "train/torch_denoiser.h"

#include "base/error.h"
#include "model/head.h"
#include "train/nets/transformer.h"

namespace pent::train {
namespace {

class TorchDenoiser : public Denoiser {
 public:
  explicit TorchDenoiser(const ModelFiles& files) : spec_(read_spec(files)), net_(spec_, torch::kFloat32, /*seed=*/0) {
    net_.load(files);
  }

  const ModelSpec& spec() const override { return spec_; }

  int32_t open_sequence(int32_t capacity) override {
    if (capacity < 1) throw error(ErrorKind::kInvalidArgument, "a sequence of {} positions cannot be opened", capacity);
    capacities_.push_back(capacity);
    return static_cast<int32_t>(capacities_.size()) - 1;
  }
  void close_sequence(int32_t sequence) override { capacities_.at(static_cast<size_t>(sequence)) = 0; }

  void forward(const PassPlan& plan, const HeadRequest& request, PassResult& result) override {
    check_head_request(request, plan.head_rows.size(), spec_.vocab_size);
    if (!plan.twin_rows.empty())
      throw error(ErrorKind::kUnsupported, "the torch backend: guidance is executed by the native one only");
    torch::NoGradGuard no_grad;
    result.rows.assign(plan.head_rows.size(), {});
    result.logits.clear();
    size_t answered = 0;
    for (const PassSequence& sequence : plan.sequences) {
      check(plan, sequence);
      std::vector<int64_t> wanted;
      const size_t first = answered;
      for (; answered < plan.head_rows.size() && plan.head_rows[answered] < sequence.row_end; ++answered)
        wanted.push_back(plan.head_rows[answered] - sequence.row_begin);
      if (wanted.empty()) continue;
      Tensor logits = logits_of(plan, sequence, wanted);
      for (size_t i = 0; i < wanted.size(); ++i) {
        const std::span<float> row(logits.data_ptr<float>() + static_cast<int64_t>(i) * spec_.vocab_size,
                                   static_cast<size_t>(spec_.vocab_size));
        result.rows[first + i] = reduce_logits(row, request, first + i);
        if (request.full_logits) result.logits.insert(result.logits.end(), row.begin(), row.end());
      }
    }
  }

 private:
  // Rows 0, 1, … of one sequence, each seeing what the model's attention shows it.
  void check(const PassPlan& plan, const PassSequence& sequence) const {
    const auto refuse = [](const std::string& what) {
      throw error(ErrorKind::kUnsupported, "the torch backend: {}", what);
    };
    const auto count = static_cast<int32_t>(sequence.row_end - sequence.row_begin);
    const auto handle = static_cast<size_t>(sequence.sequence);
    if (handle >= capacities_.size() || count > capacities_[handle] || count > spec_.max_positions)
      throw error(ErrorKind::kInvalidArgument, "pass plan: {} rows do not fit sequence {}", count, sequence.sequence);
    for (int32_t i = 0; i < count; ++i) {
      const PassRow& row = plan.rows[sequence.row_begin + static_cast<uint32_t>(i)];
      if (row.token < 0 || row.token >= spec_.vocab_size)
        throw error(ErrorKind::kInvalidArgument, "pass plan: row {}: token {} is not in the vocabulary of {}", i,
                    row.token, spec_.vocab_size);
      if (row.position != i || row.slot != i)
        refuse(fmt::format("row {} is at position {}, slot {}; only whole sequences are executed", i, row.position,
                           row.slot));
      const int32_t end = spec_.attention == AttentionKind::kCausal ? i + 1 : count;
      const SlotRange* range = row.ranges_count == 1 ? &plan.ranges[row.ranges_begin] : nullptr;
      if (range == nullptr || range->begin != 0 || range->end != end)
        refuse(fmt::format("row {} must see slots [0, {})", i, end));
    }
  }

  Tensor logits_of(const PassPlan& plan, const PassSequence& sequence, const std::vector<int64_t>& wanted) const {
    const int64_t length = sequence.row_end - sequence.row_begin;
    NetInput input{.ids = torch::empty({length}, torch::kInt64),
                   .lengths = torch::full({1}, length, torch::kInt32),
                   .batch = 1,
                   .length = length,
                   .rows = torch::tensor(wanted, torch::kInt64)};
    for (int64_t i = 0; i < length; ++i)
      input.ids.data_ptr<int64_t>()[i] = plan.rows[sequence.row_begin + static_cast<size_t>(i)].token;
    return at::mm(net_.forward(input), net_.head().t()).mul_(spec_.logit_scale).contiguous();
  }

  ModelSpec spec_;
  Transformer net_;
  std::vector<int32_t> capacities_;
};

}  // namespace

std::unique_ptr<Denoiser> load_torch(const ModelFiles& files) { return std::make_unique<TorchDenoiser>(files); }

}  // namespace pent::train
