// Doors for the test: one C function per kernel of fused.cu, run on the CPU.

#include "cuda_on_cpu.h"
#include FUSED

typedef const value *In;  // float, or half where FENMARK_F16 says so
typedef value *Out;

extern "C" {

void run_rmsnorm(int threads, bool down, int rows, In x, In gain, Out out, int width, float eps) {
    cpu::launch(rows, 1, threads, down, [&] { rmsnorm(x, gain, out, width, eps); });
}

void run_softmax(int threads, bool down, int rows, In x, Out out, int width) {
    cpu::launch(rows, 1, threads, down, [&] { softmax(x, out, width); });
}

void run_swiglu(int threads, bool down, In gate_up, Out out, int rows, int width) {
    cpu::launch(3, 1, threads, down, [&] { swiglu(gate_up, out, rows, width); });
}

void run_rope(int threads, bool down, In x, In cosine, In sine, Out out, int tokens, int heads,
              int half) {
    cpu::launch(3, 1, threads, down, [&] { rope(x, cosine, sine, out, tokens, heads, half); });
}

void run_attention_decode_part(int threads, bool down, int blocks, int batch, In q, In k, In v,
                               const long long *table, const long long *lengths, float *parts,
                               float *tops, float *sums, int heads, int kv_heads, int width,
                               int page, int pages_each, int window, int splits, float scale) {
    cpu::launch(blocks, batch, threads, down, [&] {
        attention_decode_part(q, k, v, table, lengths, parts, tops, sums, heads, kv_heads, width,
                              page, pages_each, window, splits, scale);
    });
}

void run_attention_decode_join(int threads, bool down, int heads, int batch, const float *parts,
                               const float *tops, const float *sums, In sinks, Out out, int width,
                               int splits, int has_sinks) {
    cpu::launch(heads, batch, threads, down, [&] {
        attention_decode_join(parts, tops, sums, sinks, out, width, splits, has_sinks);
    });
}
}
