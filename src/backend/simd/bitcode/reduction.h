// The reduction of sin, cos and tan: x = n pi/2 + r + lost, over the whole range of either float type.
#pragma once

#include "exact.h"

namespace sinter::backend::simd {

/// |r| <= pi/4 (a rounding more), what r lost by rounding, and a number with n mod 4 in its lowest two bits.
template <class V> struct Quadrant {
  Int<V> n;
  V r, lost;
};

/// Arguments up to kLimit are reduced by parts of pi/2 (Cody and Waite). n times each part is known exactly, by an fma or by the shortness
/// of the parts; what the subtractions lose is kept. The first of them is exact, and the last part is so small that it only adds to what
/// is lost.
template <class V> struct HalfPi;
template <> struct HalfPi<F32> {
  static constexpr float kInverse = 0x1.45f306p-1f;
#if defined(__FMA__)
  static constexpr float kLimit = 0x1p+17f, kParts[] = {0x1.921fb6p+0f, -0x1.777a5cp-25f, -0x1.ee59dap-50f};
#else
  static constexpr float kLimit = 0x1p+13f, kParts[] = {0x1.92p+0f, 0x1.fb4p-12f, 0x1.444p-24f, 0x1.68cp-39f, 0x1.1a6262p-54f};
#endif
};
template <> struct HalfPi<F64> {
  static constexpr double kInverse = 0x1.45f306dc9c883p-1;
#if defined(__FMA__)
  static constexpr double kLimit = 0x1p+30, kParts[] = {0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54, -0x1.f1976b7ed8fbcp-110};
#else
  static constexpr double kLimit = 0x1p+20, kParts[] = {0x1.921fb54400000p+0, 0x1.0b4611a600000p-34, 0x1.3198a2e000000p-69,
                                                        0x1.b839a252049c1p-104};
#endif
};

/// The reduction beyond the limit, after Payne and Hanek: rare, so not inlined. Gives r (NaN for infinities), what it lost, and n with
/// kMagic added.
template <class T> struct HugeReduction {
  Native<T> shifted, r, lost;
};

/// x 2/pi mod 4 for any finite x, as a sum of two (infinities give NaN), in binary64: 2/pi in parts of 29 bits, whose products with a float
/// are exact, and so are their remainders mod 4; the parts cover 203 bits, the largest float needs 190.
inline F64 sum_of_turns(F64 x, F64& lost) {
  static constexpr double kTwoOverPi[] = {0x1.45f306dp-1, 0x1.9391054p-30, 0x1.4fe13abp-59, 0x1.d1f534dp-88, 0x1.b81b6c5p-117,
                                          0x1.5993c4p-148, 0x1.c820ff2p-175};
  F64 sum(0);
  lost = F64(0);
  for (const double part : kTwoOverPi) {
    const F64 product = x * F64(part), term = product - F64(4) * xsimd::nearbyint(product * F64(0.25));
    const F64 total = sum + term, added = total - sum;
    lost = lost + ((sum - (total - added)) + (term - added));
    sum = total;
  }
  return sum;
}

[[gnu::noinline]] static void reduce_huge(Native<float> x, HugeReduction<float>* result) {
  const auto reduce = [](F64 x, F64& turns) {
    F64 lost;
    const F64 sum = sum_of_turns(x, lost);
    turns = xsimd::nearbyint(sum);
    return ((sum - turns) + lost) * F64(0x1.921fb54442d18p+0);
  };
  const Wide wide = widen(F32(F32::register_type(x)));
  Wide turns, r = {reduce(wide.low, turns.low), reduce(wide.high, turns.high)};
  const F32 rounded = narrow(r);
  const Wide kept = widen(rounded);
  result->shifted = (narrow(turns) + F32(kMagic<F32>)).data;
  result->r = rounded.data;
  result->lost = narrow({r.low - kept.low, r.high - kept.high}).data;
}

/// x 2/pi mod 4 as n in -4..4 and a fraction in [-1/2, 1/2], the sum of the parts.
struct Turns {
  double n, part[3];
};

/// For one double beyond 2^20 (garbage for others), in integers: of 2/pi the 192 bits are taken that matter for x's exponent. Those above
/// give multiples of 4, those below less than 2^-137; no double is nearer than 2^-62 to a multiple of pi/2.
inline Turns turns_of(double x) {
  static constexpr uint64_t kTwoOverPi[] = {  // 64 bits before the point, 1216 behind it
      0, 0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561, 0xb7246e3a424dd2e0, 0x06492eea09d1921c,
      0xfe1deb1cb129a73e, 0xe88235f52ebb4484, 0xe99c7026b45f7e41, 0x3991d639835339f4, 0x9c845f8bbdf9283b, 0x1ff897ffde05980f,
      0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d, 0x7527bac7ebe5f17b, 0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08,
      0x56033046fc7b6bab};
  using Product = unsigned __int128;
  const auto bits = __builtin_bit_cast(uint64_t, x);
  const uint64_t mantissa = (bits & 0xfffffffffffff) | 0x10000000000000, field = (bits >> 52) & 0x7ff;
  // The mantissa times 2^exponent is |x|; the first bit that matters has the weight 2^(1 - exponent), and 2^63 is the table's first.
  const uint64_t exponent_up = field < 1043 ? 0 : field - 1043;  // exponent + 32
  const uint64_t first = exponent_up + 30, at = first / 64, shift = first % 64;
  const auto word = [&](uint64_t k) {
    return static_cast<uint64_t>((Product{kTwoOverPi[at + k]} << 64 | kTwoOverPi[at + k + 1]) << shift >> 64);
  };
  const Product low = Product{mantissa} * word(2), middle = Product{mantissa} * word(1) + static_cast<uint64_t>(low >> 64);
  const uint64_t high = mantissa * word(0) + static_cast<uint64_t>(middle >> 64), next = static_cast<uint64_t>(middle);
  // The upper two bits are whole turns; the rest, as a signed number, is the fraction.
  const double sign = x < 0 ? -1 : 1;
  const auto n = static_cast<double>((high + (uint64_t{1} << 61)) >> 62);
  const uint64_t upper = high << 2 | next >> 62, lower = next << 2 | static_cast<uint64_t>(low) >> 62;
  const auto part0 = static_cast<double>(static_cast<int64_t>(upper) >> 24);
  const auto part1 = static_cast<double>(static_cast<int64_t>((upper & 0xffffff) << 24 | lower >> 40));
  const auto part2 = static_cast<double>(static_cast<int64_t>(lower & 0xffffffffff));
  return {sign * n, {sign * part0 * 0x1p-40, sign * part1 * 0x1p-88, sign * part2 * 0x1p-128}};
}

[[gnu::noinline]] static void reduce_huge(Native<double> x, HugeReduction<double>* result) {
  Native<double> n, part[3];
#pragma clang loop unroll(disable)
  for (int lane = 0; lane < static_cast<int>(F64::size); ++lane) {
    const Turns turns = turns_of(x[lane]);
    n[lane] = turns.n;
    for (int k = 0; k < 3; ++k) part[k][lane] = turns.part[k];
  }
  const auto batch = [](Native<double> lanes) { return F64(F64::register_type(lanes)); };
  const Sum first = exact_sum(batch(part[0]), batch(part[1])), sum = exact_sum(first.high, first.low + batch(part[2]));
  const Sum r = exact_product(sum.high, F64(0x1.921fb54442d18p+0));
  const F64 lost = r.low + (sum.high * F64(0x1.1a62633145c07p-54) + sum.low * F64(0x1.921fb54442d18p+0));
  result->shifted = (batch(n) + F64(kMagic<F64>)).data;
  result->r = Native<double>(r.high.data) + (x - x);
  result->lost = lost.data;
}

template <class V> Quadrant<V> reduce_by_half_pi(V x) {
  using C = HalfPi<V>;
  const V magic(kMagic<V>);
  V shifted = multiply_add(x, V(C::kInverse), magic);
  const V n = shifted - magic;
  V r = multiply_add(n, V(-C::kParts[0]), x), lost;
  constexpr int kLast = std::size(C::kParts) - 1;
#pragma clang loop unroll(full)
  for (int k = 1; k < kLast; ++k) {
    const V part(C::kParts[k]), product = n * part, next = r - product;
    V error = (r - next) - product;
#if defined(__FMA__)
    error = error - multiply_add(n, part, -product);
#endif
    lost = k == 1 ? error : lost + error;
    r = next;
  }
  lost = multiply_add(n, V(-C::kParts[kLast]), lost);
  const auto huge = abs(x) > V(C::kLimit);
  if (__builtin_expect(xsimd::any(huge), 0)) {
    using Register = typename V::register_type;
    HugeReduction<Scalar<V>> other;
    reduce_huge(x.data, &other);
    shifted = select(huge, V(Register(other.shifted)), shifted);
    r = select(huge, V(Register(other.r)), r);
    lost = select(huge, V(Register(other.lost)), lost);
  }
  return {as_int(shifted), r, lost};
}

}  // namespace sinter::backend::simd
