// The canonical layout: what it changes, what it keeps, and that it is a fixed point.
#include <gtest/gtest.h>

#include "frontend/language/library.h"
#include "frontend/support.h"
#include "ir/structural_hash.h"

namespace sinter::language {
namespace {

TEST(Format, examples_are_formatted_already) {
  for (const std::string& name : kExamples) EXPECT_EQ(format(example(name)), example(name)) << name;
  EXPECT_EQ(format(library_text()), library_text());
}

TEST(Format, spaces_and_lines_become_canonical) {
  const std::string messy =
      "\n\nsinter   1\n\n\n\nfunction f( x:T[ .. , n ],k : int=-1 )=x*-k+[ 1,2 ][ 0 ]   # why\n"
      "model m( x : f32[ batch,4 ] )->y,z\n{ # first\n\n h=f( x )  # h\n\n\n"
      "   long = relu( dense( h ,\n 4 ) ) # longer\n"
      "if training{y=h}else{ y=h [ 0 : 2 , .. ] }\n"
      "  repeat blocks [ i in 3 ] {\n z = op . tanh(\nlong\n)\n}\n\n}\n"
      "train m { loss=mean(y)\n # the one\n  optimizer = sgd( )\n epochs=1 batch=2\n}";
  const std::string clean = R"(sinter 1

function f(x: T[.., n], k: int = -1) = x * -k + [1, 2][0]  # why
model m(x: f32[batch, 4]) -> y, z {  # first
    h = f(x)  # h

    long = relu(dense(h,
                      4))  # longer
    if training { y = h } else { y = h[0:2, ..] }
    repeat blocks[i in 3] {
        z = op.tanh(
            long
        )
    }
}
train m {
    loss      = mean(y)
    # the one
    optimizer = sgd()
    epochs = 1   batch = 2
}
)";
  EXPECT_EQ(format(messy), clean);
  EXPECT_EQ(format(clean), clean);
}

TEST(Format, comments_at_the_ends_of_neighbouring_lines_are_aligned) {
  const std::string text = "sinter 1\nmodel m(x: f32[batch]) -> y {\n    a = x # one\n    longer = a # two\n    y = longer\n}\n";
  const std::string expected = "sinter 1\nmodel m(x: f32[batch]) -> y {\n    a = x       # one\n    longer = a  # two\n    y = longer\n}\n";
  EXPECT_EQ(format(text), expected);
}

TEST(Format, means_the_same) {
  const std::string text = example("two_three_one");
  std::string squeezed;  // single spaces, no indentation
  for (const char c : text) {
    const char last = squeezed.empty() ? '\n' : squeezed.back();
    if (c == ' ' && (last == ' ' || last == '\n')) continue;
    squeezed += c;
  }
  EXPECT_EQ(ir::structural_hash(compile_text(text, "a").module), ir::structural_hash(compile_text(squeezed, "a").module));
  EXPECT_EQ(ir::structural_hash(compile_text(text, "a").module), ir::structural_hash(compile_text(format(squeezed), "a").module));
}

TEST(Format, a_text_that_does_not_parse_is_an_error) { EXPECT_THROW(format("sinter 1\nmodel m("), Error); }

}  // namespace
}  // namespace sinter::language
