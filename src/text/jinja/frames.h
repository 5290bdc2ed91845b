// The variables that a place in a template sees: its own frame's, then those of the frames around it.
#pragma once

#include <memory>
#include <vector>

#include "text/jinja/value.h"

namespace pent::jinja {

struct Frame {
  Frame* parent;
  Variables variables;
  bool captured = false;  // a macro defined here may outlive the block
};

class Frames {
 public:
  explicit Frames(Variables globals) : current_(&globals_), globals_{nullptr, std::move(globals)} {}

  Frame* current() { return current_; }

  // Marks the current frame and those around it: they live until the end of the rendering.
  Frame* capture() {
    for (Frame* frame = current_; frame && !frame->captured; frame = frame->parent) frame->captured = true;
    return current_;
  }

  // A frame within `parent`, current as long as the Scope lives.
  class Scope {
   public:
    Scope(Frames& frames, Frame* parent, Variables variables)
        : frames_(frames), previous_(frames.current_), frame_(new Frame{parent, std::move(variables)}) {
      frames_.current_ = frame_.get();
    }
    ~Scope() {
      frames_.current_ = previous_;
      if (frame_->captured) frames_.captured_.push_back(std::move(frame_));
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Frames& frames_;
    Frame* previous_;
    std::unique_ptr<Frame> frame_;
  };

 private:
  Frame* current_;
  Frame globals_;
  std::vector<std::unique_ptr<Frame>> captured_;
};

}  // namespace pent::jinja
