// Times one f32 matrix product C[M, N] = A[M, K] B[K, N] of a library and prints its microseconds.
//   gemm M N K FORM SECONDS      FORM: plain, or packed (oneDNN: B in the layout the library chooses, ahead of the calls)
// Built once per library: with WITH_CBLAS against any CBLAS, with WITH_ONEDNN against oneDNN. Threads: OMP_NUM_THREADS.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "timing.h"

#ifdef WITH_CBLAS
extern "C" void cblas_sgemm(int layout, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float* a, int lda, const float* b, int ldb,
                            float beta, float* c, int ldc);
#else
#include <dnnl.hpp>
#endif

namespace {

float* numbers(long count) {
  auto* values = static_cast<float*>(std::aligned_alloc(4096, static_cast<size_t>((count * 4 + 4095) / 4096 * 4096)));
  for (long i = 0; i < count; ++i) values[i] = static_cast<float>(std::rand() % 2001 - 1000) / 1000;
  return values;
}

#ifdef WITH_CBLAS
double time_product(int m, int n, int k, bool, double seconds) {
  const float *a = numbers(1L * m * k), *b = numbers(1L * k * n);
  float* c = numbers(1L * m * n);
  constexpr int kRowMajor = 101, kAsIs = 111;
  return peers::median_microseconds(seconds, [&] { cblas_sgemm(kRowMajor, kAsIs, kAsIs, m, n, k, 1, a, k, b, n, 0, c, n); });
}
#else
double time_product(int m, int n, int k, bool packed, double seconds) {
  using dnnl::memory;
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  const auto rows = [](int r, int c) { return memory::desc({r, c}, memory::data_type::f32, memory::format_tag::ab); };
  const memory::desc chosen({k, n}, memory::data_type::f32, memory::format_tag::any);
#if DNNL_VERSION_MAJOR >= 3
  const dnnl::matmul::primitive_desc plan(engine, rows(m, k), packed ? chosen : rows(k, n), rows(m, n));
#else
  const dnnl::matmul::primitive_desc plan(dnnl::matmul::desc(rows(m, k), packed ? chosen : rows(k, n), rows(m, n)), engine);
#endif
  memory a(rows(m, k), engine, numbers(1L * m * k)), given(rows(k, n), engine, numbers(1L * k * n)), c(rows(m, n), engine, numbers(1L * m * n));
  memory b(plan.weights_desc(), engine);
  dnnl::reorder(given, b).execute(stream, given, b);
  stream.wait();
  const dnnl::matmul product(plan);
  return peers::median_microseconds(seconds, [&] {
    product.execute(stream, {{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, packed ? b : given}, {DNNL_ARG_DST, c}});
    stream.wait();
  });
}
#endif

}  // namespace

int main(int count, char** arguments) {
  if (count != 6) return std::fprintf(stderr, "usage: gemm M N K plain|packed SECONDS\n"), 2;
  const auto size = [&](int i) { return std::atoi(arguments[i]); };
  std::printf("%.3f\n", time_product(size(1), size(2), size(3), std::string(arguments[4]) == "packed", std::atof(arguments[5])));
}
