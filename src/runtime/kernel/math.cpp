#include "runtime/kernel/math.h"

extern "C" {

/* The C math library, declared here because its header belongs to a C++ library. */
double sqrt(double);
double exp(double);
double exp2(double);
double expm1(double);
double log(double);
double log1p(double);
double log2(double);
double sin(double);
double cos(double);
double tan(double);
double asin(double);
double acos(double);
double atan(double);
double sinh(double);
double cosh(double);
double tanh(double);
double erf(double);
double pow(double, double);
double fmod(double, double);
double atan2(double, double);
double fma(double, double, double);
float fmaf(float, float, float);

double sinter_rsqrt_f64(double x) { return 1 / sqrt(x); }
double sinter_exp_f64(double x) { return exp(x); }
double sinter_exp2_f64(double x) { return exp2(x); }
double sinter_expm1_f64(double x) { return expm1(x); }
double sinter_log_f64(double x) { return log(x); }
double sinter_log1p_f64(double x) { return log1p(x); }
double sinter_log2_f64(double x) { return log2(x); }
double sinter_sin_f64(double x) { return sin(x); }
double sinter_cos_f64(double x) { return cos(x); }
double sinter_tan_f64(double x) { return tan(x); }
double sinter_asin_f64(double x) { return asin(x); }
double sinter_acos_f64(double x) { return acos(x); }
double sinter_atan_f64(double x) { return atan(x); }
double sinter_sinh_f64(double x) { return sinh(x); }
double sinter_cosh_f64(double x) { return cosh(x); }
double sinter_tanh_f64(double x) { return tanh(x); }
double sinter_erf_f64(double x) { return erf(x); }

/* exp of a negative number only: it cannot overflow, and small results keep their digits. */
double sinter_sigmoid_f64(double x) {
  if (x >= 0) return 1 / (1 + exp(-x));
  const double e = exp(x);
  return e / (1 + e);
}

double sinter_power_f64(double x, double y) { return pow(x, y); }
double sinter_remainder_f64(double x, double y) { return fmod(x, y); }
double sinter_atan2_f64(double y, double x) { return atan2(y, x); }

#define SINTER_DEFINE_UNARY(op) \
  float sinter_##op##_f32(float x) { return (float)sinter_##op##_f64(x); }
#define SINTER_DEFINE_BINARY(op) \
  float sinter_##op##_f32(float x, float y) { return (float)sinter_##op##_f64(x, y); }
SINTER_UNARY_ROUTINES(SINTER_DEFINE_UNARY)
SINTER_BINARY_ROUTINES(SINTER_DEFINE_BINARY)

double sinter_fma_f64(double a, double b, double c) { return fma(a, b, c); }
float sinter_fma_f32(float a, float b, float c) { return fmaf(a, b, c); }

}  // extern "C"
