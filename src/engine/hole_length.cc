// Calibrated search on a model's first forward.
#include "engine/hole_length.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>

#include "base/error.h"
#include "sample/decode.h"
#include "sample/guidance.h"
#include "sample/length_search.h"

namespace pent {
namespace {

constexpr int kSearchedFrom = 8;  // tokens of the holes whose turn has not come

// How sure a model is of L masks whatever the text: a e^(-bL) + c e^(-dL) + e, fitted to it once ("length_bias": [a, b, c, d, e] in its
// generation_config.json).
struct LengthBias {
  std::array<double, 5> fit{};

  double operator()(double length) const {
    return fit[0] * std::exp(-fit[1] * length) + fit[2] * std::exp(-fit[3] * length) + fit[4];
  }
};

std::optional<LengthBias> length_bias(const Model& model) {
  const Json& config = model.files.generation_config;
  if (!config.is_object() || !config.contains("length_bias")) return std::nullopt;
  const Json& numbers = config["length_bias"];
  LengthBias bias;
  bool good = numbers.is_array() && numbers.size() == bias.fit.size();
  for (size_t i = 0; good && i < bias.fit.size(); ++i) {
    good = numbers[i].is_number() && numbers[i].get<double>() >= 0;
    if (good) bias.fit[i] = numbers[i].get<double>();
  }
  if (!good || !(bias(kFreeHoleTokens) > 0))
    throw error(
        ErrorKind::kCorrupt,
        "{}: generation_config.json: length_bias is {}; expected five numbers from 0 on, a, b, c, d, e of a curve "
        "a e^(-bL) + c e^(-dL) + e above 0",
        model.files.where, printable(to_json_line(numbers)));
  return bias;
}

// Canvases whose hole is looked at, in one forward.
class FirstForward {
 public:
  explicit FirstForward(Model& model) : model_(model), bias_(length_bias(model)) {
    for (const int32_t token : unwritable_tokens(model.denoiser->spec(), model.tokenizer->size()))
      request_.biases.push_back({token, -std::numeric_limits<float>::infinity()});
  }

  void add(const RequestCanvas& made, size_t hole) {
    const HoleCells cells = made.holes[hole];
    const std::vector<int32_t> tokens = made.canvas.tokens();
    add_canvas(tokens, made, cells);
    if (bias_) return;
    std::vector<int32_t> without = tokens;
    for (int32_t cell = 0; cell < made.canvas.size(); ++cell)
      if (made.canvas[cell].state != CellState::kMasked) without[static_cast<size_t>(cell)] = made.canvas.mask_id();
    add_canvas(without, made, cells);
  }

  // Of each canvas added.
  std::vector<double> calibrated() {
    PassResult result;
    model_.denoiser->forward(plan_, request_, result);
    std::vector<double> means;
    size_t row = 0;
    for (const int32_t cells : hole_cells_) {
      double sum = 0;
      for (int32_t i = 0; i < cells; ++i, ++row)
        sum += std::exp(static_cast<double>(result.rows[row].max_logit) - result.rows[row].log_sum_exp);
      means.push_back(sum / cells);
    }
    if (bias_) {
      for (size_t i = 0; i < means.size(); ++i) means[i] /= (*bias_)(hole_cells_[i]);
      return means;
    }
    std::vector<double> ratios;
    for (size_t i = 0; i < means.size(); i += 2) ratios.push_back(means[i] / means[i + 1]);
    return ratios;
  }

  int64_t rows() const { return static_cast<int64_t>(plan_.rows.size()); }

 private:
  void add_canvas(std::span<const int32_t> tokens, const RequestCanvas& made, HoleCells hole) {
    const bool shift = model_.denoiser->spec().shift;
    CellFilter filter(made.rules, made.canvas);
    const auto first_row = static_cast<uint32_t>(plan_.rows.size());
    std::vector<int32_t> all(tokens.size());
    std::iota(all.begin(), all.end(), 0);
    sequences_.push_back(std::make_unique<OpenSequence>(*model_.denoiser, static_cast<int32_t>(tokens.size())));
    plan_.add_cells(sequences_.back()->handle(), tokens, all);
    for (int32_t cell = hole.begin; cell < hole.end; ++cell) {
      plan_.head_rows.push_back(first_row + static_cast<uint32_t>(std::max(cell - (shift ? 1 : 0), 0)));
      request_.allowed.push_back(filter.allowed(cell));
    }
    hole_cells_.push_back(hole.end - hole.begin);
  }

  Model& model_;
  std::optional<LengthBias> bias_;
  PassPlan plan_;
  HeadRequest request_;
  std::vector<std::unique_ptr<OpenSequence>> sequences_;
  std::vector<int32_t> hole_cells_;
};

// Those that leave the canvas completable and within the context.
std::vector<int> possible_lengths(CanvasMaker::Range range, const std::function<RequestCanvas(int)>& canvas_of,
                                  int32_t context) {
  std::vector<int> lengths;
  for (int length = range.least; length <= range.most; ++length) {
    try {
      const RequestCanvas made = canvas_of(length);
      if (made.canvas.size() > context) break;
      CellFilter(made.rules, made.canvas);
    } catch (const Error&) {
      if (length == range.most && lengths.empty()) throw;
      continue;
    }
    lengths.push_back(length);
  }
  if (lengths.empty()) lengths.push_back(range.least);  // does not fit; who resolves the options says so
  return lengths;
}

}  // namespace

FoundLengths find_lengths(Model& model, const CanvasMaker& maker, int max_forwards, const std::function<bool()>& stop) {
  FoundLengths found;
  std::vector<size_t> open;
  const int first = maker.elastic() ? find_preset("dreamon")->length.initial : kSearchedFrom;
  for (size_t hole = 0; hole < maker.ranges().size(); ++hole) {
    const auto [least, most] = maker.ranges()[hole];
    found.lengths.push_back(std::clamp(first, least, most));
    if (least < most && !maker.elastic()) open.push_back(hole);
  }
  for (const size_t hole : open) {
    const auto canvas_of = [&](int length) {
      std::vector<int> lengths = found.lengths;
      lengths[hole] = length;
      return maker.make(lengths);
    };
    const LengthScores scores = [&](std::span<const int> lengths) {
      FirstForward forward(model);
      for (const int length : lengths) forward.add(canvas_of(length), hole);
      ++found.nfe;
      std::vector<double> calibrated = forward.calibrated();
      found.rows += forward.rows();
      return calibrated;
    };
    const std::vector<int> candidates =
        possible_lengths(maker.ranges()[hole], canvas_of, model.denoiser->spec().max_positions);
    found.lengths[hole] = search_length(candidates, scores, stop() ? 0 : max_forwards - found.nfe);
  }
  return found;
}

}  // namespace pent
