#include "runtime/kernel/math.h"

extern "C" {

/* The C math library, declared here because its header belongs to a C++ library. */
double fmod(double, double);
double fma(double, double, double);
float fmaf(float, float, float);

double sinter_remainder_f64(double x, double y) { return fmod(x, y); }
float sinter_remainder_f32(float x, float y) { return (float)fmod(x, y); }

double sinter_fma_f64(double a, double b, double c) { return fma(a, b, c); }
float sinter_fma_f32(float a, float b, float c) { return fmaf(a, b, c); }

}  // extern "C"
