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

void run_attention_decode(int threads, bool down, In q, In k, In v, const long long *table,
                          Out out, int batch, int heads, int kv_heads, int width, int page,
                          int pages_each, float scale) {
    cpu::launch(heads, batch, threads, down, [&] {
        attention_decode(q, k, v, table, out, kv_heads, width, page, pages_each, scale);
    });
}
}
