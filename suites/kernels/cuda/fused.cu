// Kernels that a stack of array operations cannot fuse: each reads its operands once.
//
// Compiled at run time by CuPy (NVRTC or hipRTC). The tests compile this file for four GPU
// generations without a device, and run it on the CPU, block by block, against float64.

#ifdef FENMARK_F16
#include <cuda_fp16.h>
typedef __half value;
__device__ float load(value x) { return __half2float(x); }
__device__ value store(float x) { return __float2half(x); }
#else
typedef float value;
__device__ float load(value x) { return x; }
__device__ value store(float x) { return x; }
#endif

#ifndef INFINITY  // NVRTC has no <cmath>
#define INFINITY __int_as_float(0x7f800000)
#endif

#define WARP 32
#define ALL 0xffffffffu
// Largest head a warp holds in registers: 8 values a lane.
#define LANE_VALUES 8
#define MAX_WARPS 32

struct Sum {
    static __device__ float none() { return 0.0f; }
    static __device__ float join(float a, float b) { return a + b; }
};

struct Largest {
    static __device__ float none() { return -INFINITY; }
    static __device__ float join(float a, float b) { return fmaxf(a, b); }
};

template <typename Fold>
__device__ float fold_warp(float x) {
    for (int step = WARP / 2; step > 0; step /= 2)
        x = Fold::join(x, __shfl_xor_sync(ALL, x, step));
    return x;
}

// Every thread of the block gets the result.
template <typename Fold>
__device__ float fold_block(float x) {
    __shared__ float partial[MAX_WARPS];
    int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
    x = fold_warp<Fold>(x);
    __syncthreads();  // readers of an earlier fold are done
    if (lane == 0) partial[warp] = x;
    __syncthreads();
    return fold_warp<Fold>(lane < blockDim.x / WARP ? partial[lane] : Fold::none());
}

// One block a row: out = x / sqrt(mean(x^2) + eps) * gain.
extern "C" __global__ void rmsnorm(const value *x, const value *gain, value *out, int width,
                                   float eps) {
    const value *row = x + (long long)blockIdx.x * width;
    value *result = out + (long long)blockIdx.x * width;
    float squares = 0.0f;
    for (int i = threadIdx.x; i < width; i += blockDim.x) squares += load(row[i]) * load(row[i]);
    float factor = rsqrtf(fold_block<Sum>(squares) / width + eps);
    for (int i = threadIdx.x; i < width; i += blockDim.x)
        result[i] = store(load(row[i]) * factor * load(gain[i]));
}

// One block a row: out = exp(x - max) / sum.
extern "C" __global__ void softmax(const value *x, value *out, int width) {
    const value *row = x + (long long)blockIdx.x * width;
    value *result = out + (long long)blockIdx.x * width;
    float most = Largest::none(), total = 0.0f;
    for (int i = threadIdx.x; i < width; i += blockDim.x) most = fmaxf(most, load(row[i]));
    most = fold_block<Largest>(most);
    for (int i = threadIdx.x; i < width; i += blockDim.x) total += expf(load(row[i]) - most);
    total = fold_block<Sum>(total);
    for (int i = threadIdx.x; i < width; i += blockDim.x)
        result[i] = store(expf(load(row[i]) - most) / total);
}

// One thread a result: gate and up lie side by side in each row.
extern "C" __global__ void swiglu(const value *gate_up, value *out, int rows, int width) {
    long long count = (long long)rows * width, stride = (long long)gridDim.x * blockDim.x;
    for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += stride) {
        const value *row = gate_up + i / width * 2 * width;
        float gate = load(row[i % width]), up = load(row[width + i % width]);
        out[i] = store(gate / (1.0f + expf(-gate)) * up);
    }
}

// One thread a pair: its parts lie half a head apart; tables hold one row a token.
extern "C" __global__ void rope(const value *x, const value *cosine, const value *sine,
                                value *out, int tokens, int heads, int half) {
    long long count = (long long)tokens * heads * half, stride = (long long)gridDim.x * blockDim.x;
    for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += stride) {
        long long vector = i / half;
        long long angle = vector / heads * half + i % half, first = vector * 2 * half + i % half;
        float a = load(x[first]), b = load(x[first + half]);
        float c = load(cosine[angle]), s = load(sine[angle]);
        out[first] = store(a * c - b * s);
        out[first + half] = store(b * c + a * s);
    }
}

// One block a query head of a sequence. Its warps take cached tokens in turn, each with its own
// running maximum and sum (Milakov and Gimelshein 2018, "Online normalizer calculation for
// softmax"); then the warps' results are joined.
extern "C" __global__ void attention_decode(const value *q, const value *k_pages,
                                            const value *v_pages, const long long *table,
                                            value *out, int kv_heads, int width, int page,
                                            int pages_each, float scale) {
    __shared__ float joined[MAX_WARPS][WARP * LANE_VALUES];
    __shared__ float tops[MAX_WARPS], sums[MAX_WARPS];
    int head = blockIdx.x, heads = gridDim.x, sequence = blockIdx.y;
    int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, warps = blockDim.x / WARP;
    int group = head / (heads / kv_heads);
    const value *query = q + ((long long)sequence * heads + head) * width;

    float mine[LANE_VALUES], sum[LANE_VALUES];
    for (int j = 0; j < LANE_VALUES; j++) {
        int i = lane + j * WARP;
        mine[j] = i < width ? load(query[i]) * scale : 0.0f;
        sum[j] = 0.0f;
    }
    float top = -INFINITY, total = 0.0f;
    for (int token = warp; token < pages_each * page; token += warps) {
        long long number = table[(long long)sequence * pages_each + token / page];
        long long at = ((number * kv_heads + group) * page + token % page) * width;
        float score = 0.0f;
        for (int j = 0; j < LANE_VALUES; j++) {
            int i = lane + j * WARP;
            if (i < width) score += mine[j] * load(k_pages[at + i]);
        }
        score = fold_warp<Sum>(score);
        float higher = fmaxf(top, score);
        float keep = expf(top - higher), weight = expf(score - higher);
        total = total * keep + weight;
        for (int j = 0; j < LANE_VALUES; j++) {
            int i = lane + j * WARP;
            if (i < width) sum[j] = sum[j] * keep + weight * load(v_pages[at + i]);
        }
        top = higher;
    }
    for (int j = 0; j < LANE_VALUES; j++) joined[warp][lane + j * WARP] = sum[j];
    if (lane == 0) {
        tops[warp] = top;
        sums[warp] = total;
    }
    __syncthreads();
    for (int i = threadIdx.x; i < width; i += blockDim.x) {
        float highest = -INFINITY, above = 0.0f, below = 0.0f;
        for (int w = 0; w < warps; w++) highest = fmaxf(highest, tops[w]);
        for (int w = 0; w < warps; w++) {
            float weight = expf(tops[w] - highest);
            above += joined[w][i] * weight;
            below += sums[w] * weight;
        }
        out[((long long)sequence * heads + head) * width + i] = store(above / below);
    }
}
