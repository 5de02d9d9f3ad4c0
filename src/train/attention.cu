// Graph attention with diagonal weights on a GPU. The formulas and their names stand in attention.rs;
// attention_cuda.rs launches these kernels, one after the other on one stream.
//
// Edges come by written row (indptr, sources) and by read row (turned, targets, edges), so that every
// number is written by one thread: no atomics, and the same sums in the same order on every run. All
// arithmetic is f32. alpha and slope have `heads` numbers an edge, in the order of `sources`.

#define LANES 32u
#define EVERYBODY 0xffffffffu
// Slope of LeakyReLU below zero.
#define SLOPE 0.2f

static __device__ float warp_sum(float x) {
    for (unsigned step = LANES / 2; step > 0; step /= 2) x += __shfl_xor_sync(EVERYBODY, x, step);
    return x;
}

static __device__ float warp_top(float x) {
    for (unsigned step = LANES / 2; step > 0; step /= 2) x = fmaxf(x, __shfl_xor_sync(EVERYBODY, x, step));
    return x;
}

static __device__ float steepness(float sum) { return sum > 0.0f ? 1.0f : SLOPE; }

// alpha of one written row and one head, by one warp. `mine` is the row's own half of the score.
static __device__ void softmax(const unsigned *sources, const float *other, float mine, unsigned begin,
                               unsigned end, unsigned k, unsigned heads, float *alpha) {
    const unsigned lane = threadIdx.x % LANES;
    float top = -3.402823466e38f;
    for (unsigned e = begin + lane; e < end; e += LANES) {
        const float sum = mine + other[(size_t)sources[e] * heads + k];
        const float x = -steepness(sum) * sum;
        alpha[(size_t)e * heads + k] = x;
        top = fmaxf(top, x);
    }
    top = warp_top(top);
    float total = 0.0f;
    for (unsigned e = begin + lane; e < end; e += LANES) {
        const float power = expf(alpha[(size_t)e * heads + k] - top);
        alpha[(size_t)e * heads + k] = power;
        total += power;
    }
    total = warp_sum(total);
    for (unsigned e = begin + lane; e < end; e += LANES) alpha[(size_t)e * heads + k] /= total;
}

// own = s·(w⊙h_i) of the written rows, other = d·(w⊙h_j) of the read rows. One warp a read row.
extern "C" __global__ void attention_scores(const float *h, const float *w, const float *a, float *own,
                                            float *other, unsigned written, unsigned read, unsigned heads,
                                            unsigned width) {
    const unsigned row = blockIdx.x * (blockDim.x / LANES) + threadIdx.x / LANES, lane = threadIdx.x % LANES;
    if (row >= read) return;
    const float *x = h + (size_t)row * width;
    for (unsigned k = 0; k < heads; ++k) {
        const float *wk = w + (size_t)k * width, *s = a + (size_t)2 * k * width, *d = s + width;
        float by_s = 0.0f, by_d = 0.0f;
        for (unsigned c = lane; c < width; c += LANES) {
            const float y = wk[c] * x[c];
            by_s += s[c] * y;
            by_d += d[c] * y;
        }
        by_s = warp_sum(by_s);
        by_d = warp_sum(by_d);
        if (lane == 0) {
            other[(size_t)row * heads + k] = by_d;
            if (row < written) own[(size_t)row * heads + k] = by_s;
        }
    }
}

// out_i, the mean over the heads of w ⊙ Σ_j α_ij h_j. One block a written row.
extern "C" __global__ void attention_forward(const float *h, const float *w, const unsigned *indptr,
                                             const unsigned *sources, const float *own, const float *other,
                                             float *alpha, float *out, unsigned heads, unsigned width) {
    const unsigned i = blockIdx.x, begin = indptr[i], end = indptr[i + 1];
    for (unsigned k = threadIdx.x / LANES; k < heads; k += blockDim.x / LANES)
        softmax(sources, other, own[(size_t)i * heads + k], begin, end, k, heads, alpha);
    __syncthreads();
    const float share = 1.0f / (float)heads;
    for (unsigned c = threadIdx.x; c < width; c += blockDim.x) {
        float mean = 0.0f;
        for (unsigned k = 0; k < heads; ++k) {
            float sum = 0.0f;
            for (unsigned e = begin; e < end; ++e)
                sum += alpha[(size_t)e * heads + k] * h[(size_t)sources[e] * width + c];
            mean += w[(size_t)k * width + c] * sum * share;
        }
        out[(size_t)i * width + c] = mean;
    }
}

// The first half of the gradient: alpha anew, the gradient of each edge's score sum (slope), and its
// sum over each written row's edges (by_row, written × heads). One block a written row.
extern "C" __global__ void attention_by_written(const float *h, const float *w, const float *grad,
                                                const unsigned *indptr, const unsigned *sources,
                                                const float *own, const float *other, float *alpha,
                                                float *slope, float *by_row, unsigned heads,
                                                unsigned width) {
    const unsigned i = blockIdx.x, begin = indptr[i], end = indptr[i + 1];
    const unsigned warp = threadIdx.x / LANES, warps = blockDim.x / LANES, lane = threadIdx.x % LANES;
    for (unsigned k = warp; k < heads; k += warps)
        softmax(sources, other, own[(size_t)i * heads + k], begin, end, k, heads, alpha);
    // What the loss gains by each α: it waits in slope.
    const float share = 1.0f / (float)heads;
    const float *g = grad + (size_t)i * width;
    for (unsigned e = begin + warp; e < end; e += warps) {
        const float *x = h + (size_t)sources[e] * width;
        for (unsigned k = 0; k < heads; ++k) {
            const float *wk = w + (size_t)k * width;
            float gain = 0.0f;
            for (unsigned c = lane; c < width; c += LANES) gain += g[c] * wk[c] * share * x[c];
            gain = warp_sum(gain);
            if (lane == 0) slope[(size_t)e * heads + k] = gain;
        }
    }
    __syncthreads();
    for (unsigned k = warp; k < heads; k += warps) {
        const float mine = own[(size_t)i * heads + k];
        float mean = 0.0f;
        for (unsigned e = begin + lane; e < end; e += LANES)
            mean += alpha[(size_t)e * heads + k] * slope[(size_t)e * heads + k];
        mean = warp_sum(mean);
        float total = 0.0f;
        for (unsigned e = begin + lane; e < end; e += LANES) {
            const size_t at = (size_t)e * heads + k;
            const float steep = -steepness(mine + other[(size_t)sources[e] * heads + k]);
            const float x = steep * alpha[at] * (slope[at] - mean);
            slope[at] = x;
            total += x;
        }
        total = warp_sum(total);
        if (lane == 0) by_row[(size_t)i * heads + k] = total;
    }
}

// The second half: all that flows to each read row (dh), and for each block of `piece` rows its part in
// three sums, `heads × width` each: Σ flow⊙h, Σ by_row·h, Σ (sum of a row's slopes)·h.
extern "C" __global__ void attention_by_read(const float *h, const float *w, const float *a,
                                             const float *grad, const unsigned *turned,
                                             const unsigned *targets, const unsigned *edges,
                                             const float *alpha, const float *slope, const float *by_row,
                                             float *dh, float *sums, unsigned written, unsigned read,
                                             unsigned piece, unsigned heads, unsigned width) {
    const unsigned first = blockIdx.x * piece, last = min(first + piece, read);
    const float share = 1.0f / (float)heads;
    float *part = sums + (size_t)blockIdx.x * 3 * heads * width;
    for (unsigned c = threadIdx.x; c < width; c += blockDim.x) {
        for (unsigned k = 0; k < heads; ++k) {
            const size_t at = (size_t)k * width + c;
            const float wk = w[at];
            const float ws = wk * a[(size_t)2 * k * width + c], wd = wk * a[(size_t)(2 * k + 1) * width + c];
            float by_w = 0.0f, by_own = 0.0f, by_other = 0.0f;
            for (unsigned j = first; j < last; ++j) {
                float flow = 0.0f, slopes = 0.0f;
                for (unsigned p = turned[j]; p < turned[j + 1]; ++p) {
                    const size_t edge = (size_t)edges[p] * heads + k;
                    flow += alpha[edge] * grad[(size_t)targets[p] * width + c];
                    slopes += slope[edge];
                }
                const float x = h[(size_t)j * width + c];
                float sum = wk * flow * share + slopes * wd;
                by_w += flow * x * share;
                by_other += slopes * x;
                if (j < written) {
                    const float mine = by_row[(size_t)j * heads + k];
                    sum += mine * ws;
                    by_own += mine * x;
                }
                // Heads come one after the other in one thread.
                float *into = dh + (size_t)j * width + c;
                *into = k == 0 ? sum : *into + sum;
            }
            part[at] = by_w;
            part[(size_t)heads * width + at] = by_own;
            part[(size_t)2 * heads * width + at] = by_other;
        }
    }
}
