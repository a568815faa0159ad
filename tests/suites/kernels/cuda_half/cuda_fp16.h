// As much of CUDA's half type as fused.cu uses, over the compiler's own 16-bit float.
#pragma once

typedef _Float16 __half;

static inline float __half2float(__half x) { return (float)x; }
static inline __half __float2half(float x) { return (__half)x; }  // to nearest even, as on a GPU
