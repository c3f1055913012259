// Networks for images: the published sizes of the examples, what batch_norm keeps, and windows in the language.
#include <gtest/gtest.h>

#include <cmath>

#include "frontend/support.h"
#include "support/close.h"

namespace sinter::language {
namespace {

int64_t parameters_of(const std::string& name) {
  int64_t total = 0;
  for (const ir::Variable& variable : compile_text(example(name), name + ".sinter").module.variables)
    if (variable.role == Role::kParameter) total += variable.type.shape.element_count().constant();
  return total;
}

TEST(ImageModels, have_as_many_parameters_as_published) {
  EXPECT_EQ(parameters_of("mnist_cnn"), 34'826);
  EXPECT_EQ(parameters_of("mnist_mlp"), 669'706);
  EXPECT_EQ(parameters_of("resnet18_cifar"), 11'173'962);
  EXPECT_EQ(parameters_of("resnet50"), 25'557'032);
  EXPECT_EQ(parameters_of("mobilenet_v2"), 3'504'872);
}

TEST(ImageModels, are_formatted_already) {
  for (const std::string name : {"mnist_cnn", "mnist_mlp", "resnet18_cifar", "resnet50", "mobilenet_v2"})
    EXPECT_EQ(format(example(name)), example(name)) << name;
}

/// The type of y = `expression` of an x of type `type`; the message where it is refused.
std::string type_of(const std::string& type, const std::string& expression) {
  const std::string text = "sinter 1\nmodel m(x: " + type + ") -> y { y = " + expression + " }";
  if (const std::string error = error_of(text); error != "no error") return error;
  const Compiled compiled = compile_text(text, "m.sinter");
  for (const ir::Variable& variable : compiled.module.variables)
    if (variable.name == "y") return variable.type.to_string();
  return "no y";
}

TEST(ImageModels, sizes_follow_strides_and_paddings) {
  const std::string image = "f32[batch, 28, 28, 3]";
  EXPECT_EQ(type_of(image, "conv2d(x, 8, 3)"), "f32[batch, 26, 26, 8]");
  EXPECT_EQ(type_of(image, "conv2d(x, 8, [5, 1], stride = [2, 3], padding = [2, 0])"), "f32[batch, 14, 10, 8]");
  EXPECT_EQ(type_of(image, "conv2d(x, 8, 4, padding = \"same\")"), "f32[batch, 28, 28, 8]");
  EXPECT_EQ(type_of(image, "conv2d(x, 8, 4, stride = 3, padding = \"same\")"), "f32[batch, 10, 10, 8]");
  EXPECT_EQ(type_of("f32[n, h, w, 3]", "conv2d(x, 8, 3, padding = \"same\")"), "f32[n, h, w, 8]");
  EXPECT_EQ(type_of("f32[n, h, 3]", "conv1d(x, 8, 3, stride = 2)"), "f32[n, floordiv(h + 1, 2) - 1, 8]");
  EXPECT_EQ(type_of("f32[n, h, 3]", "conv_transpose1d(x, 8, 4, stride = 2, padding = 1)"), "f32[n, 2*h, 8]");
  EXPECT_EQ(type_of(image, "max_pool(x)"), "f32[batch, 14, 14, 3]");
  EXPECT_EQ(type_of(image, "max_pool(x, 3, stride = 2, padding = 1)"), "f32[batch, 14, 14, 3]");
  EXPECT_EQ(type_of(image, "flatten(average_pool(x, [2, 4]))"), "f32[batch, 294]");
  EXPECT_EQ(type_of("f32[n, h, w, 5]", "adaptive_average_pool(x, [2, 3])"), "f32[n, 2, 3, 5]");
}

TEST(ImageModels, mistakes_are_told) {
  EXPECT_NE(type_of("f32[2, 8, 8, 3]", "conv2d(x, 8, 3, padding = \"full\")").find("not of type shape"), std::string::npos);
  EXPECT_NE(type_of("f32[2, 8, 8, 3]", "conv2d(x, 8, 3, groups = 2)").find("groups"), std::string::npos);
  EXPECT_NE(type_of("f32[2, 8, 8, 3]", "conv2d(x, 8, [3, 3, 3])").find("this list has 3 items, for 2 axes"), std::string::npos);
  EXPECT_NE(type_of("f32[2, 8, 3]", "conv2d(x, 8, 3)").find("the rank is 3, not 4"), std::string::npos);
  EXPECT_NE(type_of("f32[2, 8, 8, 3]", "max_pool(x, 20)").find("the window is larger than the padded input"), std::string::npos);
}

/// A step with PyTorch's numbers: BatchNorm1d(2) in training mode on these rows, momentum 0.1.
TEST(ImageModels, batch_norm_keeps_running_statistics) {
  Machine machine(compile("model m(x: f64[n, 2]) -> y { norm = batch_norm(x) y = norm }\n"
                          "train m { loss = sum(y * y) optimizer = sgd(learning_rate = 0) batch = 4 }"));
  const Tensor x = Tensor::of<double>({4, 2}, std::vector<double>{1, 10, 2, 20, 3, 40, 6, 10});
  machine.variables["x"] = x;
  machine.variables["label"] = Tensor(DType::kF64, {4, 2});
  run(machine.module, "step", machine.variables);
  const test::Tolerance close{0, 1e-12, 1e-12};
  test::expect_close(machine.variables.at("norm.mean"), Tensor::of<double>({2}, std::vector<double>{0.3, 2.0}), close, "mean");
  test::expect_close(machine.variables.at("norm.variance"),
                     Tensor::of<double>({2}, std::vector<double>{1.3666666666666667, 20.9}), close, "variance");
  run(machine.module, "predict", machine.variables);
  const double expected = (1 - 0.3) / std::sqrt(1.3666666666666667 + 1e-5);
  EXPECT_NEAR(machine.variables.at("y").get(0), expected, 1e-12);
}

}  // namespace
}  // namespace sinter::language
