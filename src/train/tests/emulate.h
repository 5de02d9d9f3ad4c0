// What a kernel needs of CUDA, from the standard library: one block at a time, a thread for each of its
// threads. Slow, but barriers and exchanges between threads are real.
#include <barrier>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <thread>
#include <vector>

#define __global__
#define __device__

struct Index { unsigned x; };
static thread_local Index threadIdx, blockIdx;
static Index blockDim;

constexpr unsigned THREADS = 64;
static std::barrier<> whole_block(THREADS);
static std::barrier<> warps[THREADS / 32] = {std::barrier<>(32), std::barrier<>(32)};
static float slots[THREADS];

static unsigned min(unsigned a, unsigned b) { return a < b ? a : b; }
static void __syncthreads() { whole_block.arrive_and_wait(); }

static float __shfl_xor_sync(unsigned, float x, unsigned mask) {
    auto &warp = warps[threadIdx.x / 32];
    slots[threadIdx.x] = x;
    warp.arrive_and_wait();
    const float other = slots[threadIdx.x ^ mask];
    warp.arrive_and_wait();
    return other;
}

template <typename Kernel> static void launch(unsigned blocks, Kernel kernel) {
    blockDim.x = THREADS;
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < THREADS; ++t)
        threads.emplace_back([=] {
            threadIdx.x = t;
            for (unsigned b = 0; b < blocks; ++b) {
                blockIdx.x = b;
                kernel();
                whole_block.arrive_and_wait();
            }
        });
    for (auto &thread : threads) thread.join();
}
