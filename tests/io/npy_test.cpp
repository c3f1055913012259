// NumPy's files: round trips, files that NumPy wrote, and everything that is wrong with a file.
#include "io/npy.h"

#include <gtest/gtest.h>

#include <cstring>

#include "io/damage.h"
#include "support/temporary_folder.h"

namespace sinter::io::test {
namespace {

/// A file of version 1 with this header, padded as NumPy does.
std::string bytes_of(std::string header, const std::string& data) {
  header.resize((header.size() + 11 + 63) / 64 * 64 - 11, ' ');
  header += '\n';
  const auto length = static_cast<uint16_t>(header.size());
  std::string bytes("\x93NUMPY\x01\x00..", 10);
  std::memcpy(bytes.data() + 8, &length, 2);
  return bytes + header + data;
}

class Npy : public ::testing::Test {
 protected:
  Tensor read(const std::string& bytes) { return read_npy(folder.write("f.npy", bytes)); }
  std::string error(const std::string& bytes) {
    try {
      read(bytes);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kData) << error.what();
      const std::string prefix = folder.file("f.npy") + ": ";
      EXPECT_EQ(error.message().find(prefix), 0u) << error.message();
      return error.message().substr(std::min(error.message().size(), prefix.size()));
    }
    return "no error";
  }
  std::string of_header(const std::string& header, size_t data = 8) { return error(bytes_of(header, std::string(data, '\1'))); }

  sinter::test::TemporaryFolder folder;
};

TEST_F(Npy, RoundTripsDtypesAndShapes) {
  for (const DType dtype : kAllDTypes) {
    if (dtype == DType::kBF16) continue;
    for (const Extents& extents : {Extents{}, Extents{0}, Extents{5}, Extents{2, 0, 3}, Extents{2, 3, 4}, Extents{1, 1, 1, 1, 1}}) {
      Tensor tensor(dtype, extents);
      auto* bytes = static_cast<unsigned char*>(tensor.raw());
      for (size_t i = 0; i < tensor.bytes(); ++i) bytes[i] = static_cast<unsigned char>(dtype == DType::kBool ? i % 2 : i * 37 + 1);
      write_npy(folder.file("f.npy"), tensor);
      EXPECT_TRUE(same_bits(read_npy(folder.file("f.npy")), tensor)) << tensor.type_string();
      EXPECT_EQ((folder.read("f.npy").size() - tensor.bytes()) % 64, 0u);
    }
  }
  EXPECT_THROW(write_npy(folder.file("f.npy"), Tensor(DType::kBF16, {2})), Error);
}

TEST_F(Npy, ReadsWhatNumPyWrites) {
  const auto with_size = [](std::string text, size_t size) { return text + std::string(size - text.size() - 1, ' ') + "\n"; };
  // numpy.lib.format.write_array of an array in Fortran order; then versions 2.0 and 3.0
  const std::string fortran = std::string("\x93NUMPY\x01\x00v\x00", 10) +
                              with_size("{'descr': '<i4', 'fortran_order': True, 'shape': (2, 3), }", 118) +
                              std::string("\x00\0\0\0\x03\0\0\0\x01\0\0\0\x04\0\0\0\x02\0\0\0\x05\0\0\0", 24);
  EXPECT_TRUE(same_bits(read(fortran), Tensor::of<int32_t>({2, 3}, {0, 1, 2, 3, 4, 5})));
  const std::string second = std::string("\x93NUMPY\x02\x00t\0\0\0", 12) +
                             with_size("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 116) +
                             std::string("\0\0\xc0?\0\0\x10\xc0", 8);
  EXPECT_TRUE(same_bits(read(second), Tensor::of<float>({2}, {1.5f, -2.25f})));
  const std::string third =
      std::string("\x93NUMPY\x03\x00t\0\0\0", 12) + with_size("{'descr': '|u1', 'fortran_order': False, 'shape': (), }", 116) + "\x07";
  EXPECT_TRUE(same_bits(read(third), Tensor::scalar<uint8_t>(7)));
}

TEST_F(Npy, FortranOrderOfThreeAxes) {
  std::string data;
  for (char k = 0; k < 4; ++k) {
    for (char j = 0; j < 3; ++j) {
      for (char i = 0; i < 2; ++i) data += static_cast<char>(i * 12 + j * 4 + k);
    }
  }
  const Tensor found = read(bytes_of("{'descr': '|i1', 'fortran_order': True, 'shape': (2, 3, 4), }", data));
  for (int64_t i = 0; i < 24; ++i) EXPECT_EQ(found.get_integer(i), i);
}

TEST_F(Npy, BoolsAreZeroOrOne) {
  const Tensor found = read(bytes_of("{'descr': '|b1', 'fortran_order': False, 'shape': (3,), }", std::string("\0\1\7", 3)));
  EXPECT_EQ(static_cast<const unsigned char*>(found.raw())[2], 1);
}

TEST_F(Npy, RefusesFilesOfAnotherKind) {
  EXPECT_EQ(error(""), "it is no npy file");
  EXPECT_EQ(error("PK\x03\x04 and more bytes"), "it is no npy file");
  EXPECT_EQ(error(std::string("\x93NUMPY\x04\x00v\x00", 10)), "npy version 4 is unknown");
  EXPECT_EQ(error(std::string("\x93NUMPY\x02\x00\x00\x00", 10)), "it is truncated");
  EXPECT_EQ(error(std::string("\x93NUMPY\x01\x00\xff\xff", 10)), "it is truncated inside its header");
  EXPECT_EQ(error(std::string("\x93NUMPY\x02\x00\xff\xff\xff\xff", 12)), "it is truncated inside its header");
}

TEST_F(Npy, RefusesHeadersThatDoNotFit) {
  const auto header = [](const std::string& dtype, const std::string& shape) {
    return "{'descr': " + dtype + ", 'fortran_order': False, 'shape': " + shape + ", }";
  };
  EXPECT_EQ(of_header(header("'<f4'", "(2,)")), "no error");
  EXPECT_EQ(of_header(header("'>f4'", "(2,)")), "arrays of dtype >f4 are not read");
  EXPECT_EQ(of_header(header("'|O'", "(2,)")), "arrays of dtype |O are not read");
  EXPECT_EQ(of_header(header("'<U5'", "(2,)")), "arrays of dtype <U5 are not read");
  EXPECT_EQ(of_header(header("[('a', '<f4')]", "(2,)")).find("its header is damaged"), 0u);
  EXPECT_EQ(of_header(header("'<f4'", "(3,)")), "it holds fewer elements than its shape [3] says");
  EXPECT_EQ(of_header(header("'<f4'", "(1,)")), "it holds 4 bytes more than its shape [1] says");
  EXPECT_EQ(of_header(header("'<f4'", "(0, 3)")), "it holds 8 bytes more than its shape [0, 3] says");
  EXPECT_EQ(of_header(header("'<f8'", "(2305843009213693953,)")), "it holds fewer elements than its shape [2305843009213693953] says");
  EXPECT_EQ(of_header("{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2,), }").find("its header is damaged"), 0u);
  EXPECT_EQ(of_header("{'unknown': '<f4'}").find("its header is damaged"), 0u);
  EXPECT_EQ(of_header("").find("its header is damaged"), 0u);
  EXPECT_EQ(of_header("{'descr': '<f4', 'fortran_order': False, }").find("its header is damaged"), 0u) << "no shape";
  EXPECT_EQ(of_header("{'fortran_order': False, 'shape': (2,), }").find("its header is damaged"), 0u) << "no dtype";
  EXPECT_EQ(of_header("{'descr': '<f4', 'shape': (2,), }").find("its header is damaged"), 0u) << "no order";
  EXPECT_EQ(of_header("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'shape': (1,), }").find("its header is damaged"), 0u);
  for (const char* shape : {"(-1,)", "(99999999999999999999,)", "(4611686018427387904, 4611686018427387904,)", "2"}) {
    EXPECT_NE(of_header(header("'<f4'", shape)), "no error") << shape;
  }
  std::string many = "(";
  for (int i = 0; i < 100; ++i) many += "1,";
  EXPECT_NE(of_header(header("'<f4'", many + ")")), "no error");
}

TEST_F(Npy, AnyDamageRaisesErrorsOnly) {
  write_npy(folder.file("f.npy"), Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5, 6}));
  damage(folder.read("f.npy"), 800, [&](const std::string& bytes) { read(bytes); });
}

}  // namespace
}  // namespace sinter::io::test
