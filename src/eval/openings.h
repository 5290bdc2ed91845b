// The requests that the quality of the story models is measured with. None of them occurs in the training corpus.
#pragma once

#include <array>
#include <string_view>

namespace pent {

inline constexpr std::array<std::string_view, 20> kStoryOpenings = {
    "Write a short story about a small boat that wants to see the ocean.",
    "Write a short story about a girl who finds a door in an old oak tree.",
    "Write a short story for young children about a mouse, a broken clock and kindness. Use simple words.",
    "Write a short story for young children about a turtle, a garden race and patience. Use simple words.",
    "Write a short story for young children about a little cloud, a dry field and sharing. Use simple words.",
    "Tell a short bedtime story about a sleepy bear on a hill. There is a warm lamp in it. Use easy words and short "
    "sentences.",
    "Tell a short bedtime story about a lighthouse keeper by the sea. There is a lost bird in it. Use easy words and "
    "short "
    "sentences.",
    "Tell a short bedtime story about a toy train in a quiet house. There is a kind moon in it. Use easy words and "
    "short "
    "sentences.",
    "Tell me a short funny story about a goose and a pair of red boots.",
    "Tell me a short funny story about a cook and a singing pot.",
    "Tell me a short funny story about a cat who wants to be a king.",
    "Write a fairy tale about a poor weaver who learns about courage because of a talking fish.",
    "Write a fairy tale about a proud swan who learns about friendship because of a frozen lake.",
    "Write a fairy tale about a young baker who learns about honesty because of a golden coin.",
    "Write a simple story of three paragraphs: a boy finds a map in his grandfather's coat.",
    "Write a simple story of three paragraphs: a fox finds a lantern near a waterfall.",
    "Write a short story that begins with a problem and ends well. Characters: a frog and a duck. Place: on a farm.",
    "Write a short story that begins with a problem and ends well. Characters: a sailor and a whale. Place: on an "
    "island.",
    "Write a short story with a dialogue between a rabbit and an old owl, about a secret path.",
    "Write a short story with a dialogue between a girl and a snowman, about the coming spring.",
};

}  // namespace pent
