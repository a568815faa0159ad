// Runs CUDA blocks on one CPU thread: every CUDA thread is a fibre, and a fibre gives way only
// at a barrier or a shuffle. A barrier that is missing lets fibres run past each other, in
// ascending or descending order as the test chooses, so the wrong result shows.
//
// Covers what fused.cu uses: one-dimensional blocks, two-dimensional grids, static shared
// memory, __syncthreads and __shfl_xor_sync over full warps.

#include <ucontext.h>

#include <cmath>
#include <cstdlib>
#include <functional>
#include <vector>

#define __global__
#define __device__
#define __shared__ static

struct Index {
    int x, y;
};
static Index blockIdx, threadIdx, blockDim, gridDim;

static inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }

namespace cpu {

const size_t STACK_BYTES = 64 * 1024;

struct Meeting {
    int arrived = 0, round = 0;
};

struct Fibre {
    ucontext_t context;
    std::vector<char> stack;
    bool done = false;
};

static ucontext_t scheduler;
static std::vector<Fibre> fibres;
static std::vector<Meeting> warps;
static std::vector<float> lanes;
static Meeting block;
static int current;
static const std::function<void()> *body;

inline void give_way() { swapcontext(&fibres[current].context, &scheduler); }

inline void meet(Meeting &meeting, int members) {
    int round = meeting.round;
    if (++meeting.arrived == members) {
        meeting.arrived = 0;
        meeting.round++;
        return;
    }
    while (meeting.round == round) give_way();
}

inline void start() {
    (*body)();
    fibres[current].done = true;
}

inline void run_block(int threads, bool descending) {
    fibres = std::vector<Fibre>(threads);
    warps.assign((threads + 31) / 32, Meeting());
    lanes.assign(threads, 0.0f);
    block = Meeting();
    for (Fibre &fibre : fibres) {
        fibre.stack.resize(STACK_BYTES);
        getcontext(&fibre.context);
        fibre.context.uc_stack.ss_sp = fibre.stack.data();
        fibre.context.uc_stack.ss_size = fibre.stack.size();
        fibre.context.uc_link = &scheduler;
        makecontext(&fibre.context, start, 0);
    }
    for (int left = threads; left > 0;) {
        for (int turn = 0; turn < threads; turn++) {
            current = descending ? threads - 1 - turn : turn;
            if (fibres[current].done) continue;
            threadIdx.x = current;
            swapcontext(&scheduler, &fibres[current].context);
            left -= fibres[current].done;
        }
    }
}

inline void launch(int grid_x, int grid_y, int threads, bool descending,
                   const std::function<void()> &kernel) {
    body = &kernel;
    gridDim = {grid_x, grid_y};
    blockDim = {threads, 1};
    for (int y = 0; y < grid_y; y++)
        for (int x = 0; x < grid_x; x++) {
            blockIdx = {x, y};
            run_block(threads, descending);
        }
}

}  // namespace cpu

static inline void __syncthreads() {
#ifndef WITHOUT_BARRIERS
    int me = threadIdx.x;
    cpu::meet(cpu::block, blockDim.x);
    threadIdx.x = me;
#endif
}

static inline float __shfl_xor_sync(unsigned, float x, int mask) {
    int me = threadIdx.x;
    cpu::Meeting &warp = cpu::warps[me / 32];
    cpu::lanes[me] = x;
    cpu::meet(warp, 32);
    float other = cpu::lanes[me ^ mask];
    cpu::meet(warp, 32);  // nobody overwrites a lane before it is read
    threadIdx.x = me;
    return other;
}
