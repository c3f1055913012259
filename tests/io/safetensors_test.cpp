// safetensors: round trips, the format as others write it, and everything that is wrong with a file.
#include "io/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>

#include "io/damage.h"
#include "support/temporary_folder.h"

namespace sinter::io::test {
namespace {

/// A file of `header` and `data`.
std::string bytes_of(const std::string& header, const std::string& data) {
  const uint64_t size = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &size, 8);
  return bytes + header + data;
}

class Safetensors : public ::testing::Test {
 protected:
  TensorFile read(const std::string& bytes) { return read_safetensors(folder.write("f", bytes)); }
  /// The message without the path.
  std::string error(const std::string& bytes) {
    try {
      read(bytes);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kData) << error.what();
      const std::string prefix = folder.file("f") + ": ";
      EXPECT_EQ(error.message().find(prefix), 0u) << error.message();
      return error.message().substr(std::min(error.message().size(), prefix.size()));
    }
    return "no error";
  }
  std::string of_header(const std::string& header, size_t data = 8) { return error(bytes_of(header, std::string(data, 'x'))); }

  static TensorFile sample() {
    TensorFile file;
    for (const DType dtype : kAllDTypes) {
      Tensor tensor(dtype, {2, 3});
      auto* bytes = static_cast<unsigned char*>(tensor.raw());
      for (size_t i = 0; i < tensor.bytes(); ++i) bytes[i] = static_cast<unsigned char>(dtype == DType::kBool ? i % 2 : i * 37 + 1);
      file.tensors.emplace_back("of." + std::string(name(dtype)), tensor);
    }
    file.tensors.emplace_back("scalar", Tensor::scalar(3.5f));
    file.tensors.emplace_back("empty", Tensor(DType::kF64, {3, 0, 2}));
    file.tensors.emplace_back("name \"with\" \\ and \xC3\xA9", Tensor::of<int8_t>({3}, {1, -2, 3}));
    file.metadata = {{"format", "test"}, {"text", "line\n\"quoted\""}};
    return file;
  }

  sinter::test::TemporaryFolder folder;
};

TEST_F(Safetensors, RoundTripsEveryDtypeAndName) {
  const TensorFile file = sample();
  write_safetensors(folder.file("f"), file);
  const TensorFile found = read_safetensors(folder.file("f"));
  EXPECT_EQ(found.metadata, file.metadata);
  ASSERT_EQ(found.tensors.size(), file.tensors.size());
  for (const auto& [name, tensor] : file.tensors) {
    ASSERT_NE(found.find(name), nullptr) << name;
    EXPECT_TRUE(same_bits(*found.find(name), tensor)) << name;
  }
  EXPECT_EQ(found.find("absent"), nullptr);
}

TEST_F(Safetensors, NothingIsAFileToo) {
  write_safetensors(folder.file("f"), {});
  EXPECT_TRUE(read_safetensors(folder.file("f")).tensors.empty());
}

TEST_F(Safetensors, TensorsOutliveTheFile) {
  write_safetensors(folder.file("f"), sample());
  Tensor kept;
  {
    const TensorFile found = read_safetensors(folder.file("f"));
    kept = *found.find("of.f64");
  }
  std::filesystem::remove(folder.file("f"));
  EXPECT_TRUE(same_bits(kept, *sample().find("of.f64")));
}

TEST_F(Safetensors, ReadsWhatOthersWrite) {
  // No padding, so that nothing is aligned; keys in another order; numbers as other JSON writers space them.
  const float values[] = {1.5f, -2};
  const std::string data = "\x07" + std::string(reinterpret_cast<const char*>(values), 8);
  const TensorFile found = read(bytes_of(R"({"b":{"data_offsets":[1, 9],"shape":[2],"dtype":"F32"},"__metadata__":{"format":"pt"},)"
                                         R"("a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}} )",
                                         data));
  EXPECT_EQ(found.metadata.at("format"), "pt");
  EXPECT_TRUE(same_bits(*found.find("b"), Tensor::of<float>({2}, {1.5f, -2})));
  EXPECT_TRUE(same_bits(*found.find("a"), Tensor::scalar<uint8_t>(7)));
}

TEST_F(Safetensors, RefusesFilesOfAnotherKind) {
  EXPECT_EQ(error(""), "it is too short to be a safetensors file");
  EXPECT_EQ(error("1234567"), "it is too short to be a safetensors file");
  EXPECT_EQ(error(std::string("\x93NUMPY\x01\x00v\x00", 10)), "it is no safetensors file: its header would have 379676406402707 bytes");
  for (const uint64_t size : {UINT64_MAX, UINT64_MAX - 7, uint64_t{1} << 63, uint64_t{1} << 40}) {
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &size, 8);
    EXPECT_EQ(error(bytes + "{}"), "it is no safetensors file: its header would have " + std::to_string(size) + " bytes");
  }
  EXPECT_EQ(error(bytes_of("{}", "").substr(0, 9)), "it is truncated inside its header");
  EXPECT_EQ(of_header("[]"), "it is no safetensors file: its header is not a JSON object");
  EXPECT_EQ(of_header("{\"a\":"), "it is no safetensors file: its header is not a JSON object");
  EXPECT_EQ(of_header(std::string(1 << 20, '[')), "it is no safetensors file: its header is not a JSON object");
  EXPECT_EQ(of_header(std::string(1 << 18, '[') + std::string(1 << 18, ']')), "it is no safetensors file: its header is not a JSON object");
}

TEST_F(Safetensors, RefusesHeadersThatDoNotFitTheirData) {
  const auto entry = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return R"({"a":{"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
  };
  EXPECT_EQ(of_header(entry("\"F32\"", "[2]", "[0,8]")), "no error");
  EXPECT_EQ(of_header(R"({"a":{"dtype":"F32","shape":[2]}})"), "tensor a: dtype, shape or data_offsets is missing");
  EXPECT_EQ(of_header(R"({"a":5})"), "tensor a: dtype, shape or data_offsets is missing");
  EXPECT_EQ(of_header(entry("\"F8_E4M3\"", "[2]", "[0,8]")), "tensor a: unknown dtype \"F8_E4M3\"");
  EXPECT_EQ(of_header(entry("7", "[2]", "[0,8]")), "tensor a: unknown dtype 7");
  for (const char* shape : {"2", "{}", "[-1]", "[2.0]", "[\"2\"]", "[null]", "[4611686018427387905]", "[18446744073709551616]"}) {
    EXPECT_EQ(of_header(entry("\"F32\"", shape, "[0,8]")), "tensor a: its shape is no list of sizes") << shape;
  }
  for (const char* offsets : {"8", "[0]", "[0,8,8]", "[-1,8]", "[0,8.0]", "[0,null]"}) {
    EXPECT_EQ(of_header(entry("\"F32\"", "[2]", offsets)), "tensor a: its data_offsets are no pair of offsets") << offsets;
  }
  EXPECT_EQ(of_header(entry("\"F32\"", "[3]", "[0,12]")), "tensor a: its data lies outside the file, which may be truncated");
  EXPECT_EQ(of_header(entry("\"F32\"", "[2]", "[8,0]")), "tensor a: its data lies outside the file, which may be truncated");
  EXPECT_EQ(of_header(entry("\"F32\"", "[1]", "[0,18446744073709551615]")),
            "tensor a: its data lies outside the file, which may be truncated");
  EXPECT_EQ(of_header(entry("\"F32\"", "[3]", "[0,8]")), "tensor a: its shape does not fit its 8 bytes");
  EXPECT_EQ(of_header(entry("\"F64\"", "[2305843009213693953]", "[0,8]")), "tensor a: its shape does not fit its 8 bytes")
      << "times 8 wraps to 8";
  EXPECT_EQ(of_header(entry("\"F32\"", "[4611686018427387904,4611686018427387904]", "[0,8]")),
            "tensor a: too many elements in [4611686018427387904, 4611686018427387904]");
  EXPECT_EQ(of_header(R"({"__metadata__":5})", 0), "its metadata is not an object");
  EXPECT_EQ(of_header(R"({"__metadata__":{"a":5}})", 0), "metadata a is not a string");
}

TEST_F(Safetensors, EveryByteBelongsToOneTensor) {
  const auto two = [](int begin, int end) {
    return R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[)" + std::to_string(end - begin) +
           R"(],"data_offsets":[)" + std::to_string(begin) + "," + std::to_string(end) + "]}}";
  };
  EXPECT_EQ(of_header(two(4, 8)), "no error");
  EXPECT_EQ(of_header(two(3, 8)), "tensor b overlaps another");
  EXPECT_EQ(of_header(two(0, 8)), "tensor b overlaps another");
  EXPECT_EQ(of_header(two(5, 8)), "bytes 4 to 5 of its data belong to no tensor");
  EXPECT_EQ(of_header(two(4, 7)), "bytes 7 to 8 of its data belong to no tensor");
  EXPECT_EQ(of_header("{}", 3), "bytes 0 to 3 of its data belong to no tensor");
}

TEST_F(Safetensors, AnyDamageRaisesErrorsOnly) {
  TensorFile file;
  file.tensors.emplace_back("first.weight", Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5, 6}));
  file.tensors.emplace_back("first.bias", Tensor::of<double>({3}, {1, 2, 3}));
  file.tensors.emplace_back("on", Tensor(DType::kBool, {5}));
  file.metadata = {{"sinter", "weights 1"}};
  write_safetensors(folder.file("f"), file);
  damage(folder.read("f"), 800, [&](const std::string& bytes) {
    for (const auto& [name, tensor] : read(bytes).tensors) {
      if (tensor.bytes() > 0) EXPECT_GE(static_cast<const char*>(tensor.raw())[tensor.bytes() - 1], -128);  // readable to its end
    }
  });
}

TEST_F(Safetensors, WritingFailsWhole) {
  folder.write("f", "old");
  TensorFile file;
  file.tensors.emplace_back("\xFF\xFE", Tensor::scalar(1.0f));
  try {
    write_safetensors(folder.file("f"), file);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.message(), folder.file("f") + ": a name or metadata is not valid UTF-8");
  }
  EXPECT_EQ(folder.read("f"), "old");
  EXPECT_THROW(write_safetensors("/dev/full", sample()), Error);
}

}  // namespace
}  // namespace sinter::io::test
