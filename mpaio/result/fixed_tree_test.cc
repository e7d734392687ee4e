// SPDX-License-Identifier: Apache-2.0
#include "mpaio/result/fixed_tree.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace mpaio {
namespace {

// The order of additions shows in the last bits: 4 lanes, then their sum.
struct SumOps {
  double Leaf(std::span<const double> elements) const {
    double lanes[4] = {0, 0, 0, 0};
    for (std::size_t i = 0; i < elements.size(); ++i) lanes[i % 4] += elements[i];
    return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
  }
  double Combine(double left, double right) const { return left + right; }
};

struct IntSumOps {
  std::int64_t Leaf(std::span<const std::int64_t> elements) const {
    std::int64_t sum = 0;
    for (std::int64_t element : elements) sum += element;
    return sum;
  }
  std::int64_t Combine(std::int64_t left, std::int64_t right) const { return left + right; }
};

struct MinMax {
  std::int64_t min;
  std::int64_t max;
  friend bool operator==(const MinMax&, const MinMax&) = default;
};
struct MinMaxOps {
  MinMax Leaf(std::span<const std::int64_t> elements) const {
    const auto [min, max] = std::minmax_element(elements.begin(), elements.end());
    return {*min, *max};
  }
  MinMax Combine(MinMax left, MinMax right) const {
    return {std::min(left.min, right.min), std::max(left.max, right.max)};
  }
};

// x -> a x + b modulo 2^64: composition of such maps is associative but not commutative.
struct Affine {
  std::uint64_t a;
  std::uint64_t b;
  friend bool operator==(const Affine&, const Affine&) = default;
};
struct AffineOps {
  Affine Leaf(std::span<const std::uint64_t> elements) const {
    Affine map{1, 0};
    for (std::uint64_t element : elements)
      map = Combine(map, {2 * element + 1, element ^ 0x9e3779b97f4a7c15});
    return map;
  }
  Affine Combine(Affine left, Affine right) const {
    return {left.a * right.a, left.b * right.a + right.b};
  }
};

// Neither commutative nor associative: returns the expression itself. A leaf is its first element
// and its length.
struct ExpressionOps {
  std::string Leaf(std::span<const std::int32_t> elements) const {
    return absl::StrCat(elements.front(),
                        elements.size() == 256 ? "" : absl::StrCat(":", elements.size()));
  }
  std::string Combine(std::string left, std::string right) const {
    return absl::StrCat("(", left, " ", right, ")");
  }
};

// The definition in the header, top down, without using fixed_tree.h.
template <typename Value, typename Element, typename Ops>
Value DirectNode(const std::vector<Element>& elements, int level, Index index, const Ops& ops) {
  if (level == 0)
    return ops.Leaf(
        std::span<const Element>(elements).subspan(static_cast<std::size_t>(index * 256), 256));
  return ops.Combine(DirectNode<Value>(elements, level - 1, 2 * index, ops),
                     DirectNode<Value>(elements, level - 1, 2 * index + 1, ops));
}

template <typename Value, typename Element, typename Ops>
std::optional<Value> Direct(const std::vector<Element>& elements, const Ops& ops) {
  const Index complete = static_cast<Index>(elements.size()) / 256;
  const std::size_t rest = elements.size() % 256;
  std::vector<Value> nodes;
  Index leaf = 0;
  for (int level = 40; level >= 0; --level) {
    if ((complete >> level & 1) == 0) continue;
    nodes.push_back(DirectNode<Value>(elements, level, leaf >> level, ops));
    leaf += Index{1} << level;
  }
  if (rest > 0) nodes.push_back(ops.Leaf(std::span<const Element>(elements).last(rest)));
  if (nodes.empty()) return std::nullopt;
  Value value = nodes.back();
  for (std::size_t i = nodes.size() - 1; i-- > 0;) value = ops.Combine(nodes[i], value);
  return value;
}

// Like Direct(), by chunks [boundaries[i], boundaries[i + 1]). Each partial is encoded and decoded,
// if its type allows that.
template <typename Value, typename Element, typename Ops>
std::optional<Value> ByChunks(const std::vector<Element>& elements,
                              const std::vector<Index>& boundaries, const Ops& ops) {
  using Partial = TreePartial<Element, Value, Ops>;
  TreeReducer<Element, Value, Ops> reducer(ops);
  for (std::size_t i = 0; i + 1 < boundaries.size(); ++i) {
    const auto chunk = std::span<const Element>(elements).subspan(
        static_cast<std::size_t>(boundaries[i]),
        static_cast<std::size_t>(boundaries[i + 1] - boundaries[i]));
    Partial partial = Partial::Compute(chunk, boundaries[i], ops);
    EXPECT_EQ(partial.begin(), boundaries[i]);
    EXPECT_EQ(partial.end(), boundaries[i + 1]);
    EXPECT_LT(partial.front().size(), 256u);
    EXPECT_LT(partial.back().size(), 256u);
    if constexpr (std::is_trivially_copyable_v<Value>) {
      std::string bytes = "?";  // Makes the decoded bytes unaligned.
      partial.Encode(&bytes);
      absl::StatusOr<Partial> decoded = Partial::Decode(absl::string_view(bytes).substr(1));
      EXPECT_TRUE(decoded.ok()) << decoded.status();
      if (!decoded.ok()) return std::nullopt;
      partial = *std::move(decoded);
    }
    const absl::Status added = reducer.Add(partial);
    EXPECT_TRUE(added.ok()) << added;
  }
  const auto value = reducer.Finish(static_cast<Index>(elements.size()));
  EXPECT_TRUE(value.ok()) << value.status();
  return value.ok() ? *value : std::nullopt;
}

std::vector<Index> Boundaries(Index size, Index chunk) {
  std::vector<Index> boundaries;
  for (Index begin = 0; begin < size; begin += chunk) boundaries.push_back(begin);
  boundaries.push_back(size);
  return boundaries;
}

std::vector<Index> RandomBoundaries(Index size, Index longest, std::mt19937_64& random) {
  std::vector<Index> boundaries = {0};
  while (boundaries.back() < size) {
    // Some chunks are empty: a chunk without elements must not matter.
    boundaries.push_back(std::min(
        size,
        boundaries.back() + static_cast<Index>(random() % static_cast<std::uint64_t>(longest))));
  }
  return boundaries;
}

const std::vector<Index> kSizes = {0,   1,    2,    255,  256,  257,   511,   512,   513,
                                   768, 1000, 2560, 2700, 4096, 16383, 25600, 65536, 70001};
const std::vector<Index> kChunks = {1, 7, 64, 255, 256, 257, 512, 1000, 1024, 4096, 100000};

template <typename Value, typename Ops, typename Element>
void ExpectSameByAnyChunks(const std::vector<Element>& elements, std::mt19937_64& random) {
  const Ops ops;
  const std::optional<Value> expected = Direct<Value>(elements, ops);
  const Index size = static_cast<Index>(elements.size());
  ASSERT_EQ(expected.has_value(), size > 0);
  for (Index chunk : kChunks) {
    EXPECT_EQ((ByChunks<Value>(elements, Boundaries(size, chunk), ops)), expected)
        << size << " elements by " << chunk;
  }
  for (Index longest : {3, 300, 600, 5000}) {
    EXPECT_EQ((ByChunks<Value>(elements, RandomBoundaries(size, longest, random), ops)), expected)
        << size << " elements by up to " << longest;
  }
}

class FixedTreeTest : public testing::Test {
 protected:
  FixedTreeTest()
      : seed_(std::random_device{}()),
        random_(seed_),
        trace_(__FILE__, __LINE__, absl::StrCat("seed ", seed_)) {}

  const std::uint32_t seed_;
  std::mt19937_64 random_;
  testing::ScopedTrace trace_;
};

// Values of all magnitudes and both signs, which cancel: any other order of additions changes the
// sum.
std::vector<double> AdversarialDoubles(Index size, std::mt19937_64& random) {
  std::vector<double> elements;
  std::uniform_real_distribution<double> mantissa(-1, 1);
  for (Index i = 0; i < size; ++i)
    elements.push_back(std::ldexp(mantissa(random), static_cast<int>(random() % 120) - 60));
  for (std::size_t i = 1; i < elements.size(); i += 3) elements[i] = -elements[i - 1];
  std::shuffle(elements.begin(), elements.end(), random);
  return elements;
}

TEST_F(FixedTreeTest, SumOfDoublesIsTheSameToTheBit) {
  for (Index size : kSizes) {
    const std::vector<double> elements = AdversarialDoubles(size, random_);
    const SumOps ops;
    const std::optional<double> expected = Direct<double>(elements, ops);
    for (Index chunk : kChunks) {
      const std::optional<double> sum = ByChunks<double>(elements, Boundaries(size, chunk), ops);
      ASSERT_EQ(sum.has_value(), expected.has_value());
      if (sum.has_value()) {
        EXPECT_EQ(std::bit_cast<std::uint64_t>(*sum), std::bit_cast<std::uint64_t>(*expected))
            << size << " by " << chunk;
      }
    }
    for (Index longest : {3, 300, 600, 5000}) {
      const std::optional<double> sum =
          ByChunks<double>(elements, RandomBoundaries(size, longest, random_), ops);
      if (sum.has_value()) {
        EXPECT_EQ(std::bit_cast<std::uint64_t>(*sum), std::bit_cast<std::uint64_t>(*expected))
            << size << " by up to " << longest;
      }
    }
  }
}

TEST_F(FixedTreeTest, AnotherOrderWouldChangeTheSum) {
  // Otherwise the test above would prove nothing.
  const std::vector<double> elements = AdversarialDoubles(70001, random_);
  double in_sequence = 0;
  for (double element : elements) in_sequence += element;
  EXPECT_NE(in_sequence, *Direct<double>(elements, SumOps()));
}

TEST_F(FixedTreeTest, SumOfIntegersIsTheSum) {
  for (Index size : kSizes) {
    std::vector<std::int64_t> elements(static_cast<std::size_t>(size));
    std::int64_t sum = 0;
    for (std::int64_t& element : elements) sum += element = static_cast<std::int32_t>(random_());
    ExpectSameByAnyChunks<std::int64_t, IntSumOps>(elements, random_);
    if (size > 0) {
      EXPECT_EQ((ByChunks<std::int64_t>(elements, Boundaries(size, 300), IntSumOps())), sum);
    }
  }
}

TEST_F(FixedTreeTest, MinimumAndMaximum) {
  for (Index size : kSizes) {
    std::vector<std::int64_t> elements(static_cast<std::size_t>(size));
    for (std::int64_t& element : elements) element = static_cast<std::int64_t>(random_());
    ExpectSameByAnyChunks<MinMax, MinMaxOps>(elements, random_);
  }
}

TEST_F(FixedTreeTest, LeftAndRightAreNotExchanged) {
  for (Index size : kSizes) {
    std::vector<std::uint64_t> elements(static_cast<std::size_t>(size));
    for (std::uint64_t& element : elements) element = random_();
    ExpectSameByAnyChunks<Affine, AffineOps>(elements, random_);
    // Composition is associative, so the tree equals one leaf of all elements.
    if (size > 0) {
      EXPECT_EQ((ByChunks<Affine>(elements, Boundaries(size, 999), AffineOps())),
                AffineOps().Leaf(elements));
    }
  }
}

TEST_F(FixedTreeTest, ExpressionIsTheSameByAnyChunks) {
  for (Index size : {1, 256, 1000, 2700, 16383}) {
    std::vector<std::int32_t> elements;
    for (Index i = 0; i < size; ++i) elements.push_back(static_cast<std::int32_t>(i));
    ExpectSameByAnyChunks<std::string, ExpressionOps>(elements, random_);
  }
}

TEST(FixedTreeExampleTest, ExpressionsAreAsDefined) {
  std::vector<std::int32_t> elements;
  for (std::int32_t i = 0; i < 2700; ++i) elements.push_back(i);
  const auto expression = [&elements](std::size_t size) {
    return ByChunks<std::string>(
        std::vector<std::int32_t>(elements.begin(),
                                  elements.begin() + static_cast<std::ptrdiff_t>(size)),
        Boundaries(static_cast<Index>(size), 100), ExpressionOps());
  };
  EXPECT_EQ(expression(0), std::nullopt);
  EXPECT_EQ(expression(1), "0:1");
  EXPECT_EQ(expression(256), "0");
  EXPECT_EQ(expression(257), "(0 256:1)");
  EXPECT_EQ(expression(512), "(0 256)");
  EXPECT_EQ(expression(768), "((0 256) 512)");
  EXPECT_EQ(expression(800), "((0 256) (512 768:32))");
  // The header's example: N1 of leaves 0 to 7, N2 of leaves 8 and 9, and the rest.
  EXPECT_EQ(expression(2700),
            "((((0 256) (512 768)) ((1024 1280) (1536 1792))) ((2048 2304) 2560:140))");
}

TEST(TreePartialTest, PartsAreAsInTheExample) {
  std::vector<std::int32_t> elements;
  for (std::int32_t i = 1000; i < 2700; ++i) elements.push_back(i);
  const auto partial = TreePartial<std::int32_t, std::string, ExpressionOps>::Compute(
      elements, 1000, ExpressionOps());
  EXPECT_EQ(partial.front().size(), 24u);
  EXPECT_EQ(partial.front().front(), 1000);
  EXPECT_EQ(partial.nodes(),
            (std::vector<std::string>{"((1024 1280) (1536 1792))", "(2048 2304)"}));
  EXPECT_EQ(partial.back().size(), 140u);
  EXPECT_EQ(partial.back().front(), 2560);
}

TEST(TreePartialTest, ChunkWithinALeaf) {
  using Partial = TreePartial<std::int64_t, std::int64_t, IntSumOps>;
  const std::vector<std::int64_t> elements(10, 1);
  const Partial inside = Partial::Compute(elements, 300, IntSumOps());
  EXPECT_EQ(inside.front().size(), 10u);
  EXPECT_TRUE(inside.nodes().empty() && inside.back().empty());
  const Partial at_end = Partial::Compute(elements, 502, IntSumOps());
  EXPECT_EQ(at_end.front().size(), 10u);
  EXPECT_TRUE(at_end.nodes().empty() && at_end.back().empty());
  const Partial at_begin = Partial::Compute(elements, 512, IntSumOps());
  EXPECT_EQ(at_begin.back().size(), 10u);
  EXPECT_TRUE(at_begin.nodes().empty() && at_begin.front().empty());
}

TEST(TreePartialTest, AlignedChunkIsOneNode) {
  const std::vector<std::int64_t> elements(4096, 3);
  const auto partial =
      TreePartial<std::int64_t, std::int64_t, IntSumOps>::Compute(elements, 3 * 4096, IntSumOps());
  EXPECT_EQ(partial.nodes(), std::vector<std::int64_t>{3 * 4096});
  EXPECT_TRUE(partial.front().empty() && partial.back().empty());
}

TEST(TreePartialTest, NodesFarIntoTheArray) {
  using Partial = TreePartial<std::int64_t, std::int64_t, IntSumOps>;
  const Index begin = (Index{1} << 50) - 512;  // Two nodes meet at 2^50; none crosses it.
  const std::vector<std::int64_t> elements(1024, 1);
  const Partial partial = Partial::Compute(elements, begin, IntSumOps());
  EXPECT_EQ(partial.nodes(), (std::vector<std::int64_t>{512, 512}));
  std::string bytes;
  partial.Encode(&bytes);
  EXPECT_EQ(bytes.size(), 16u + 2 * 8);
  EXPECT_TRUE(Partial::Decode(bytes).ok());
}

TEST(TreePartialTest, DecodeRefusesDamagedBytes) {
  using Partial = TreePartial<double, double, SumOps>;
  const std::vector<double> elements(1700, 1.5);
  std::string bytes;
  Partial::Compute(elements, 1000, SumOps()).Encode(&bytes);
  ASSERT_TRUE(Partial::Decode(bytes).ok());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(Partial::Decode(absl::string_view(bytes).substr(0, size)).status().code(),
              absl::StatusCode::kDataLoss)
        << size;
  }
  EXPECT_EQ(Partial::Decode(bytes + "x").status().code(), absl::StatusCode::kDataLoss);

  const auto with_range = [](Index begin, Index end) {
    std::string header(16, '\0');
    std::memcpy(header.data(), &begin, 8);
    std::memcpy(header.data() + 8, &end, 8);
    return Partial::Decode(header).status().code();
  };
  constexpr Index kMost = std::numeric_limits<Index>::max();
  EXPECT_EQ(with_range(0, 0), absl::StatusCode::kOk);
  EXPECT_EQ(with_range(5, 5), absl::StatusCode::kOk);
  EXPECT_EQ(with_range(-1, 0), absl::StatusCode::kDataLoss);
  EXPECT_EQ(with_range(6, 5), absl::StatusCode::kDataLoss);
  EXPECT_EQ(with_range(std::numeric_limits<Index>::min(), kMost), absl::StatusCode::kDataLoss);
  EXPECT_EQ(with_range(0, kMost), absl::StatusCode::kDataLoss);
  EXPECT_EQ(with_range(1, kMost), absl::StatusCode::kDataLoss);
  EXPECT_EQ(with_range(kMost - 1, kMost), absl::StatusCode::kDataLoss);
}

TEST(TreePartialTest, LongestEncodingIsAsStated) {
  // All levels up and down: the maximum number of nodes for a range of 63-bit indices.
  EXPECT_EQ(CountNodes(1, (Index{1} << 55) - 1), 2 * 54);
  EXPECT_EQ(CountNodes(0, Index{1} << 55), 1);
  EXPECT_EQ(CountNodes(7, 7), 0);
}

TEST(TreeReducerTest, RefusesGapsAndRepeats) {
  using Partial = TreePartial<std::int64_t, std::int64_t, IntSumOps>;
  const std::vector<std::int64_t> elements(300, 1);
  TreeReducer<std::int64_t, std::int64_t, IntSumOps> reducer;
  EXPECT_EQ(reducer.Add(Partial::Compute(elements, 1, IntSumOps())).code(),
            absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(reducer.Add(Partial::Compute(elements, 0, IntSumOps())).ok());
  EXPECT_EQ(reducer.Add(Partial::Compute(elements, 0, IntSumOps())).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(reducer.Add(Partial::Compute(elements, 301, IntSumOps())).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(reducer.Finish(301).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(reducer.num_elements(), 300);
  // Finish changes nothing: first a running value, then the whole.
  EXPECT_EQ(**reducer.Finish(300), 300);
  EXPECT_EQ(**reducer.Finish(300), 300);
  ASSERT_TRUE(reducer.Add(Partial::Compute(elements, 300, IntSumOps())).ok());
  EXPECT_EQ(**reducer.Finish(600), 600);
}

TEST(TreeReducerTest, NoElementsHaveNoValue) {
  const TreeReducer<double, double, SumOps> reducer;
  ASSERT_TRUE(reducer.Finish(0).ok());
  EXPECT_EQ(*reducer.Finish(0), std::nullopt);
}

}  // namespace
}  // namespace mpaio
