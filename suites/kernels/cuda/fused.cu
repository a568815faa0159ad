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
// Largest head a warp holds in registers: 8 values a lane. `fused.py` refuses wider ones.
#define LANE_VALUES 8
// Query heads that share one read of their keys.
#define SHARED_HEADS 8
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

// Part of one sequence's decode attention: one block reads a stretch of cached tokens once for up
// to SHARED_HEADS query heads of a key-value head. Its warps take tokens in turn, each with its own
// running maximum and sum (Milakov and Gimelshein 2018, "Online normalizer calculation for
// softmax"); then the warps' results are joined. grid.x counts stretches, then chunks of heads,
// then key-value heads; grid.y sequences. Tokens seen are the last `window` of the first `lengths`.
extern "C" __global__ void attention_decode_part(
    const value *q, const value *k_pages, const value *v_pages, const long long *table,
    const long long *lengths, float *parts, float *tops, float *sums, int heads, int kv_heads,
    int width, int page, int pages_each, int window, int splits, float scale) {
    __shared__ float queries[SHARED_HEADS][WARP * LANE_VALUES];
    __shared__ float joined[MAX_WARPS][WARP * LANE_VALUES];
    __shared__ float warp_tops[MAX_WARPS], warp_sums[MAX_WARPS];
    int sequence = blockIdx.y, split = blockIdx.x % splits;
    int share = heads / kv_heads, chunks = (share + SHARED_HEADS - 1) / SHARED_HEADS;
    int chunk = blockIdx.x / splits % chunks, group = blockIdx.x / splits / chunks;
    int lead = group * share + chunk * SHARED_HEADS;
    int count = share - chunk * SHARED_HEADS;
    if (count > SHARED_HEADS) count = SHARED_HEADS;
    int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, warps = blockDim.x / WARP;

    int end = (int)lengths[sequence], start = window && end > window ? end - window : 0;
    int stretch = (end - start + splits - 1) / splits;
    int from = start + split * stretch, to = from + stretch < end ? from + stretch : end;

    for (int i = threadIdx.x; i < count * width; i += blockDim.x)
        queries[i / width][i % width] =
            load(q[((long long)sequence * heads + lead) * width + i]) * scale;
    __syncthreads();

    float sum[SHARED_HEADS][LANE_VALUES], top[SHARED_HEADS], total[SHARED_HEADS];
    for (int h = 0; h < SHARED_HEADS; h++) {
        top[h] = -INFINITY;
        total[h] = 0.0f;
        for (int j = 0; j < LANE_VALUES; j++) sum[h][j] = 0.0f;
    }
    for (int token = from + warp; token < to; token += warps) {
        long long number = table[(long long)sequence * pages_each + token / page];
        long long at = ((number * kv_heads + group) * page + token % page) * width;
        float key[LANE_VALUES], held[LANE_VALUES];
        for (int j = 0; j < LANE_VALUES; j++) {
            int i = lane + j * WARP;
            key[j] = i < width ? load(k_pages[at + i]) : 0.0f;
            held[j] = i < width ? load(v_pages[at + i]) : 0.0f;
        }
        for (int h = 0; h < count; h++) {
            float score = 0.0f;
            for (int j = 0; j < LANE_VALUES; j++) {
                int i = lane + j * WARP;
                if (i < width) score += queries[h][i] * key[j];
            }
            score = fold_warp<Sum>(score);
            float higher = fmaxf(top[h], score);
            float keep = expf(top[h] - higher), weight = expf(score - higher);
            total[h] = total[h] * keep + weight;
            for (int j = 0; j < LANE_VALUES; j++) sum[h][j] = sum[h][j] * keep + weight * held[j];
            top[h] = higher;
        }
    }
    for (int h = 0; h < count; h++) {
        for (int j = 0; j < LANE_VALUES; j++) joined[warp][lane + j * WARP] = sum[h][j];
        if (lane == 0) {
            warp_tops[warp] = top[h];
            warp_sums[warp] = total[h];
        }
        __syncthreads();
        long long place = ((long long)sequence * heads + lead + h) * splits + split;
        float highest = -INFINITY, below = 0.0f;
        for (int w = 0; w < warps; w++) highest = fmaxf(highest, warp_tops[w]);
        for (int w = 0; w < warps; w++)  // a warp that saw no token has no weight
            below += warp_sums[w] > 0.0f ? warp_sums[w] * expf(warp_tops[w] - highest) : 0.0f;
        for (int i = threadIdx.x; i < width; i += blockDim.x) {
            float above = 0.0f;
            for (int w = 0; w < warps; w++)
                above += warp_sums[w] > 0.0f ? joined[w][i] * expf(warp_tops[w] - highest) : 0.0f;
            parts[place * width + i] = above;
        }
        if (threadIdx.x == 0) {
            tops[place] = highest;
            sums[place] = below;
        }
        __syncthreads();  // before the next head takes the room
    }
}

// Join the stretches of one query head: grid (heads, sequences). A sink is one more score.
extern "C" __global__ void attention_decode_join(const float *parts, const float *tops,
                                                 const float *sums, const value *sinks,
                                                 value *out, int width, int splits, int has_sinks) {
    long long head = (long long)blockIdx.y * gridDim.x + blockIdx.x, first = head * splits;
    float highest = has_sinks ? load(sinks[blockIdx.x]) : -INFINITY;
    for (int s = 0; s < splits; s++)
        if (sums[first + s] > 0.0f) highest = fmaxf(highest, tops[first + s]);
    float below = has_sinks ? expf(load(sinks[blockIdx.x]) - highest) : 0.0f;
    for (int s = 0; s < splits; s++)
        if (sums[first + s] > 0.0f) below += sums[first + s] * expf(tops[first + s] - highest);
    for (int i = threadIdx.x; i < width; i += blockDim.x) {
        float above = 0.0f;
        for (int s = 0; s < splits; s++)
            if (sums[first + s] > 0.0f)
                above += parts[(first + s) * width + i] * expf(tops[first + s] - highest);
        out[head * width + i] = store(above / below);
    }
}
