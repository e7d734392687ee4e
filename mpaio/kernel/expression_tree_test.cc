// SPDX-License-Identifier: Apache-2.0
#include "mpaio/kernel/expression_tree.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace mpaio {
namespace {

using Kind = ExpressionNode::Kind;

std::string Shown(const std::vector<ExpressionNode>& nodes, const ExpressionNode& node) {
  if (node.kind == Kind::kInteger) return absl::StrCat(static_cast<std::uint64_t>(node.integer));
  if (node.kind == Kind::kReal) return absl::StrCat(node.real);
  std::string text = node.name;
  if (node.kind == Kind::kName) return text;
  text += "[";
  for (const int operand : node.operands)
    absl::StrAppend(&text, text.back() == '[' ? "" : " ",
                    Shown(nodes, nodes[static_cast<std::size_t>(operand)]));
  return text + "]";
}

std::string Tree(absl::string_view text) {
  const absl::StatusOr<std::vector<ExpressionNode>> nodes = ParseExpression(text);
  return nodes.ok() ? Shown(*nodes, nodes->back()) : std::string(nodes.status().message());
}

TEST(ExpressionTreeTest, OperatorsBindAsInPython) {
  EXPECT_EQ(Tree("a + b * c"), "+[a *[b c]]");
  EXPECT_EQ(Tree("(a + b) * c"), "*[+[a b] c]");
  EXPECT_EQ(Tree("a - b - c"), "-[-[a b] c]");
  EXPECT_EQ(Tree("a / b * c // d % e"), "%[//[*[/[a b] c] d] e]");
  EXPECT_EQ(Tree("a ** b ** c"), "**[a **[b c]]");
  EXPECT_EQ(Tree("-a ** 2"), "-[**[a 2]]");
  EXPECT_EQ(Tree("2 ** -a"), "**[2 -[a]]");
  EXPECT_EQ(Tree("2 ** -a * b"), "*[**[2 -[a]] b]");
  EXPECT_EQ(Tree("- - ~ + a"), "-[-[~[+[a]]]]");
  EXPECT_EQ(Tree("-a * b"), "*[-[a] b]");
  EXPECT_EQ(Tree("a < b & c"), "<[a &[b c]]");
  EXPECT_EQ(Tree("a | b ^ c & d + e"), "|[a ^[b &[c +[d e]]]]");
  EXPECT_EQ(Tree("not a < b and c or d"), "or[and[not[<[a b]] c] d]");
  EXPECT_EQ(Tree("not not a"), "not[not[a]]");
  EXPECT_EQ(Tree("(a < b) == (c < d)"), "==[<[a b] <[c d]]");
}

TEST(ExpressionTreeTest, NumbersNamesAndCalls) {
  EXPECT_EQ(Tree("0x1F"), "31");
  EXPECT_EQ(Tree("18446744073709551615"), "18446744073709551615");
  EXPECT_EQ(Tree("1e-3"), "0.001");
  EXPECT_EQ(Tree(".5"), "0.5");
  EXPECT_EQ(Tree("1."), "1");
  EXPECT_EQ(Tree("1.5E+2*x"), "*[150 x]");
  EXPECT_EQ(Tree("1e999"), "inf");
  EXPECT_EQ(Tree("order"), "order");
  EXPECT_EQ(Tree("note and android"), "and[note android]");
  EXPECT_EQ(Tree("gr\xc3\xb6\xc3\x9f"
                 "e_2 + 1"),
            "+[gr\xc3\xb6\xc3\x9f"
            "e_2 1]");
  EXPECT_EQ(Tree("where ( a>0, f(b , c), g() )"), "where[>[a 0] f[b c] g[]]");
  EXPECT_EQ(Tree("np.sqrt(x) + numpy.pi"), "+[sqrt[x] pi]");
  EXPECT_EQ(Tree(" \t(((a)))\n"), "a");
}

TEST(ExpressionTreeTest, PositionsAreThoseOfTheOperators) {
  const std::vector<ExpressionNode> nodes = ParseExpression("a + sin(b) ** 2").value();
  EXPECT_EQ(nodes.back().position, 2);
  const ExpressionNode& power = nodes[static_cast<std::size_t>(nodes.back().operands[1])];
  EXPECT_EQ(power.position, 11);
  EXPECT_EQ(nodes[static_cast<std::size_t>(power.operands[0])].position, 4);
}

TEST(ExpressionTreeTest, SyntaxErrorsHaveThePosition) {
  const struct {
    const char* text;
    const char* message;
  } kCases[] = {
      {"", "at character 1 of '': the expression ends where"},
      {"x +", "at character 4 of 'x +': the expression ends where"},
      {"(x", "at character 3 of '(x': the expression ends where"},
      {"x)", "at character 2 of 'x)': ')' is not allowed here"},
      {"x + * y", "at character 5 of 'x + * y': '*' is not allowed here"},
      {"x y", "at character 3 of 'x y': 'y' is not allowed here; is an operator missing"},
      {"2x", "at character 1 of '2x': '2x' is not a number"},
      {"2 (x)", "at character 3 of '2 (x)': '(' is not allowed here; is an operator missing"},
      {"a < b < c",
       "at character 7 of 'a < b < c': '<' is not allowed here; for two comparisons at once write "
       "(a < b) & (b < c)"},
      {"< b", "at character 1 of '< b': '<' is not allowed here"},
      {"x = 1",
       "at character 3 of 'x = 1': '=' assigns, which an expression cannot do; '==' compares"},
      {"x[0]", "at character 2 of 'x[0]': an expression computes with elements"},
      {"x ? 1 : 2", "at character 3 of 'x ? 1 : 2': '?' has no meaning here"},
      {"!x", "'!' is not an operator"},
      {"x == 'a'", "expressions do not support strings"},
      {"1j * x", "1j is a complex number"},
      {"1.2.3", "'1.2.3' is not a number"},
      {"1e", "'1e' is not a number"},
      {"0x", "'0x' is not a number"},
      {"007", "'007' is not a number"},
      {"18446744073709551616", "too large for an integer of 64 bits"},
      {"99999999999999999999999999999999999999999999999", "too large for an integer of 64 bits"},
      {"f(x,)", "at character 5 of 'f(x,)': ')' is not allowed here"},
      {"x.y", "at character 2 of 'x.y': '.' has no meaning here"},
      {"x\x01", "a character that has no meaning here"},
  };
  for (const auto& [text, message] : kCases) {
    const absl::Status status = ParseExpression(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_NE(std::string(status.message()).find(message), std::string::npos)
        << text << ": " << status.message();
  }
}

TEST(ExpressionTreeTest, PositionsCountCharactersOfUtf8) {
  EXPECT_EQ(Tree("x + * y").substr(0, 14), "at character 5");
  // The letters have two, three and four bytes.
  EXPECT_EQ(Tree("\u00e9 + * y").substr(0, 14), "at character 5");
  EXPECT_EQ(Tree("\u20ac + * y").substr(0, 14), "at character 5");
  EXPECT_EQ(Tree("\U0001d465 + * y").substr(0, 14), "at character 5");
  EXPECT_EQ(Tree("\u00e9\u20ac +").substr(0, 14), "at character 5");
}

TEST(ExpressionTreeTest, ALongTextIsShortenedBetweenCharacters) {
  std::string text = "*";
  for (int i = 0; i < 200; ++i) text += "\u20ac";
  const std::string message = Tree(text);
  // 1 + 66 * 3 bytes are the most that fit 200.
  EXPECT_NE(message.find("'" + text.substr(0, 199) + "...'"), std::string::npos) << message;
}

TEST(ExpressionTreeTest, DeepAndLongTextsAreReadOrRefused) {
  const std::string deep = std::string(9000, '(') + "x" + std::string(9000, ')');
  EXPECT_EQ(Tree(deep), "x");
  std::string longer = "x";
  while (longer.size() < 19'000) longer += "+x";
  EXPECT_TRUE(ParseExpression(longer).ok());
  EXPECT_NE(Tree(std::string(30'000, '(')).find("at most 20000"), std::string::npos);
}

}  // namespace
}  // namespace mpaio
