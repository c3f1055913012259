// The bytes of a program: "SNTP", version, then its fields in the order of program.h; little-endian, counts before lists.
#include "runtime/program.h"

#include <cstring>

#include "runtime/abi.h"
#include "runtime/check_program.h"

namespace sinter::runtime {
namespace {

constexpr std::string_view kMagic = "SNTP";
constexpr int kMostDimNesting = 64, kMostDimFactors = 64;

class Writer {
 public:
  void byte(uint8_t value) { bytes_.push_back(static_cast<char>(value)); }
  void number(int64_t value) {
    for (int shift = 0; shift < 64; shift += 8) byte(static_cast<uint8_t>(static_cast<uint64_t>(value) >> shift));
  }
  void raw(std::string_view bytes) { bytes_.append(bytes); }
  void text(std::string_view text) {
    number(static_cast<int64_t>(text.size()));
    raw(text);
  }
  template <class List, class Each> void list(const List& items, Each&& each) {
    number(static_cast<int64_t>(items.size()));
    for (const auto& item : items) each(item);
  }

  void dim(const Dim& dim) {
    list(dim.terms(), [&](const DimTerm& term) {
      number(term.coefficient);
      list(term.factors, [&](const DimAtom& atom) {
        byte(static_cast<uint8_t>(atom.kind));
        if (atom.kind == DimAtom::Kind::kSymbol) return text(atom.symbol);
        this->dim(atom.args[0]);
        this->dim(atom.args[1]);
      });
    });
  }
  void type(const TensorType& type) {
    byte(static_cast<uint8_t>(type.dtype));
    list(type.shape.dims(), [&](const Dim& d) { dim(d); });
  }
  void tensor(const Tensor& tensor) {
    byte(static_cast<uint8_t>(tensor.dtype()));
    list(tensor.extents(), [&](int64_t extent) { number(extent); });
    raw({static_cast<const char*>(tensor.raw()), tensor.bytes()});
  }

  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

/// Reads what Writer wrote. Every count is held against the bytes that are left before anything is made from it.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  [[noreturn]] static void fail(const std::string& what) { throw Error(ErrorCode::kData, "malformed program: " + what); }

  std::string_view raw(size_t size) {
    if (size > rest_.size()) fail("it ends too early");
    const std::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return bytes;
  }
  uint8_t byte() { return static_cast<uint8_t>(raw(1)[0]); }
  int64_t number() {
    const std::string_view bytes = raw(8);
    uint64_t value = 0;
    for (size_t i = 0; i < 8; ++i) value |= static_cast<uint64_t>(static_cast<uint8_t>(bytes[i])) << (8 * i);
    return static_cast<int64_t>(value);
  }
  int32_t index() {
    const int64_t value = number();
    if (value < -1 || value > INT32_MAX) fail("a number out of range");
    return static_cast<int32_t>(value);
  }
  bool boolean() { return choice(2) == 1; }
  uint8_t choice(size_t count) {
    const uint8_t value = byte();
    if (value >= count) fail("an unknown choice");
    return value;
  }
  std::string text() { return std::string(raw(count())); }
  /// Every item takes a byte at least.
  size_t count() {
    const int64_t value = number();
    if (value < 0 || static_cast<uint64_t>(value) > rest_.size()) fail("a count beyond its end");
    return static_cast<size_t>(value);
  }
  template <class Item, class Each> void list(std::vector<Item>& items, Each&& each) {
    const size_t size = count();
    for (size_t i = 0; i < size; ++i) items.push_back(each());
  }

  Dim dim(int nesting = 0) {
    if (nesting > kMostDimNesting) fail("a dim nested too deeply");
    Dim sum = 0;
    const size_t terms = count();
    for (size_t t = 0; t < terms; ++t) {
      Dim product = number();
      const size_t factors = count();
      if (factors > kMostDimFactors) fail("a dim with too many factors");
      for (size_t f = 0; f < factors; ++f) product = product * atom(nesting);
      sum = sum + product;
    }
    return sum;
  }
  TensorType type() {
    TensorType type;
    type.dtype = dtype();
    std::vector<Dim> dims;
    list(dims, [&] { return dim(); });
    type.shape = Shape(std::move(dims));
    return type;
  }
  Tensor tensor() {
    const DType element = dtype();
    Extents extents;
    list(extents, [&] { return number(); });
    const int64_t elements = element_count(extents);
    if (static_cast<uint64_t>(elements) > rest_.size() / size_in_bytes(element)) fail("a constant larger than the rest");
    Tensor tensor = Tensor::uninitialized(element, std::move(extents));
    const std::string_view bytes = raw(tensor.bytes());
    if (element == DType::kBool)
      for (const char value : bytes)
        if (static_cast<uint8_t>(value) > 1) fail("a bool that is neither 0 nor 1");
    if (!bytes.empty()) std::memcpy(tensor.raw(), bytes.data(), bytes.size());
    return tensor;
  }
  DType dtype() { return static_cast<DType>(choice(std::size(kAllDTypes))); }
  bool at_end() const { return rest_.empty(); }

 private:
  /// One canonical factor. What is not canonical is refused: it might multiply out to an enormous sum.
  Dim atom(int nesting) {
    const auto kind = static_cast<DimAtom::Kind>(choice(5));
    if (kind == DimAtom::Kind::kSymbol) {
      const std::string symbol = text();
      if (symbol.empty()) fail("a symbol without a name");
      return Dim::symbol(symbol);
    }
    const Dim a = dim(nesting + 1), b = dim(nesting + 1);
    const Dim result = kind == DimAtom::Kind::kFloorDiv ? floor_div(a, b)
                       : kind == DimAtom::Kind::kMod    ? mod(a, b)
                       : kind == DimAtom::Kind::kMin    ? min(a, b)
                                                        : max(a, b);
    const std::vector<DimTerm> terms = result.terms();
    if (terms.size() != 1 || terms[0].coefficient != 1 || terms[0].factors.size() != 1) fail("a dim that is not canonical");
    return result;
  }

  std::string_view rest_;
};

void write_kernel(Writer& out, const ProgramKernel& kernel) {
  out.text(kernel.name);
  out.text(kernel.symbol);
  out.text(kernel.contents);
  out.list(kernel.buffers, [&](const KernelBuffer& use) {
    out.number(use.buffer);
    out.byte(static_cast<uint8_t>(use.access));
  });
  out.list(kernel.dims, [&](const Dim& dim) { out.dim(dim); });
  out.dim(kernel.tiles);
  out.number(kernel.scratch_bytes);
  out.list(kernel.after, [&](int32_t before) { out.number(before); });
  out.list(kernel.failure_sites, [&](const std::string& node) { out.text(node); });
  out.dim(kernel.flops);
  out.dim(kernel.bytes);
  out.dim(kernel.rounds);
  out.byte(static_cast<uint8_t>(kernel.arithmetic));
}

ProgramKernel read_kernel(Reader& in) {
  ProgramKernel kernel;
  kernel.name = in.text();
  kernel.symbol = in.text();
  kernel.contents = in.text();
  in.list(kernel.buffers, [&] {
    const int32_t buffer = in.index();
    const uint8_t access = in.choice(4);
    if (access == 0) Reader::fail("a buffer that is neither read nor written");
    return KernelBuffer{buffer, static_cast<Access>(access)};
  });
  in.list(kernel.dims, [&] { return in.dim(); });
  kernel.tiles = in.dim();
  kernel.scratch_bytes = in.number();
  in.list(kernel.after, [&] { return in.index(); });
  in.list(kernel.failure_sites, [&] { return in.text(); });
  kernel.flops = in.dim();
  kernel.bytes = in.dim();
  kernel.rounds = in.dim();
  kernel.arithmetic = in.dtype();
  return kernel;
}

Port read_port(Reader& in) {
  Port port;
  port.name = in.text();
  port.role = static_cast<Role>(in.choice(6));
  port.type = in.type();
  port.read = in.boolean();
  port.written = in.boolean();
  return port;
}

PlannedBuffer read_buffer(Reader& in) {
  PlannedBuffer buffer;
  buffer.type = in.type();
  buffer.kind = static_cast<BufferKind>(in.choice(4));
  buffer.index = in.index();
  buffer.first_kernel = in.index();
  buffer.last_kernel = in.index();
  buffer.shares = in.index();
  buffer.name = in.text();
  buffer.loop = in.index();
  return buffer;
}

Program read_program(std::string_view bytes) {
  Reader in(bytes);
  if (in.raw(kMagic.size()) != kMagic) Reader::fail("it does not begin as one");
  if (in.number() != kProgramVersion || in.number() != SINTER_ABI_VERSION) Reader::fail("it is of another version");
  Program program;
  program.module = in.text();
  program.function = in.text();
  program.target = static_cast<TargetLevel>(in.choice(static_cast<size_t>(TargetLevel::kV4Bf16) + 1));
  in.list(program.symbols, [&] { return in.text(); });
  in.list(program.ports, [&] { return read_port(in); });
  in.list(program.buffers, [&] { return read_buffer(in); });
  in.list(program.kernels, [&] { return read_kernel(in); });
  in.list(program.segments, [&] {
    const int32_t first = in.index();
    return Segment{first, in.index()};
  });
  in.list(program.loops, [&] {
    Dim length = in.dim();
    return RowLoop{std::move(length), in.boolean()};
  });
  in.list(program.steps, [&] {
    const auto kind = static_cast<Step::Kind>(in.choice(5));
    const int32_t subject = in.index();
    return Step{kind, subject, in.index()};
  });
  in.list(program.constants, [&] { return in.tensor(); });
  if (!in.at_end()) Reader::fail("bytes after its end");
  if (const auto broken = check_program(program)) Reader::fail(*broken);
  return program;
}

}  // namespace

int32_t Program::find_port(std::string_view wanted) const {
  for (size_t i = 0; i < ports.size(); ++i)
    if (ports[i].name == wanted) return static_cast<int32_t>(i);
  return -1;
}

std::string encode(const Program& program) {
  Writer out;
  out.raw(kMagic);
  out.number(kProgramVersion);
  out.number(SINTER_ABI_VERSION);
  out.text(program.module);
  out.text(program.function);
  out.byte(static_cast<uint8_t>(program.target));
  out.list(program.symbols, [&](const std::string& symbol) { out.text(symbol); });
  out.list(program.ports, [&](const Port& port) {
    out.text(port.name);
    out.byte(static_cast<uint8_t>(port.role));
    out.type(port.type);
    out.byte(port.read);
    out.byte(port.written);
  });
  out.list(program.buffers, [&](const PlannedBuffer& buffer) {
    out.type(buffer.type);
    out.byte(static_cast<uint8_t>(buffer.kind));
    for (const int32_t value : {buffer.index, buffer.first_kernel, buffer.last_kernel, buffer.shares}) out.number(value);
    out.text(buffer.name);
    out.number(buffer.loop);
  });
  out.list(program.kernels, [&](const ProgramKernel& kernel) { write_kernel(out, kernel); });
  out.list(program.segments, [&](const Segment& segment) {
    out.number(segment.first);
    out.number(segment.count);
  });
  out.list(program.loops, [&](const RowLoop& loop) {
    out.dim(loop.length);
    out.byte(loop.reverse);
  });
  out.list(program.steps, [&](const Step& step) {
    out.byte(static_cast<uint8_t>(step.kind));
    out.number(step.subject);
    out.number(step.target);
  });
  out.list(program.constants, [&](const Tensor& constant) { out.tensor(constant); });
  return out.take();
}

Program decode(std::string_view bytes) {
  try {
    return read_program(bytes);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kData) throw;
    Reader::fail(error.message());  // dims that overflow, extents beyond all bounds
  }
}

}  // namespace sinter::runtime
