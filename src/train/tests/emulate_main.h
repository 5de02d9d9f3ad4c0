// Reads a layer from standard input, runs the kernels as attention_cuda.rs does, and writes the forward
// pass, the gradient by the rows and the sums to standard output.
template <typename T> static std::vector<T> numbers(size_t count) {
    std::vector<T> all(count);
    if (std::fread(all.data(), sizeof(T), count, stdin) != count) std::exit(1);
    return all;
}

static void write(const std::vector<float> &all) { std::fwrite(all.data(), sizeof(float), all.size(), stdout); }

int main() {
    const auto sizes = numbers<unsigned>(6);
    const unsigned written = sizes[0], read = sizes[1], count = sizes[2], heads = sizes[3], width = sizes[4],
                   piece = sizes[5];
    const auto indptr = numbers<unsigned>(written + 1), sources = numbers<unsigned>(count),
               turned = numbers<unsigned>(read + 1), targets = numbers<unsigned>(count),
               edges = numbers<unsigned>(count);
    const auto h = numbers<float>((size_t)read * width), w = numbers<float>(heads * width),
               a = numbers<float>(2 * heads * width), grad = numbers<float>((size_t)written * width);
    std::vector<float> own(written * heads), other(read * heads), alpha(count * heads), slope(count * heads),
        by_row(written * heads), out(written * width), dh(read * width);
    const unsigned pieces = (read + piece - 1) / piece, warps_a_block = THREADS / 32;
    std::vector<float> sums((size_t)pieces * 3 * heads * width);
    launch((read + warps_a_block - 1) / warps_a_block, [&] {
        attention_scores(h.data(), w.data(), a.data(), own.data(), other.data(), written, read, heads, width);
    });
    launch(written, [&] {
        attention_forward(h.data(), w.data(), indptr.data(), sources.data(), own.data(), other.data(),
                          alpha.data(), out.data(), heads, width);
    });
    launch(written, [&] {
        attention_by_written(h.data(), w.data(), grad.data(), indptr.data(), sources.data(), own.data(),
                             other.data(), alpha.data(), slope.data(), by_row.data(), heads, width);
    });
    launch(pieces, [&] {
        attention_by_read(h.data(), w.data(), a.data(), grad.data(), turned.data(), targets.data(),
                          edges.data(), alpha.data(), slope.data(), by_row.data(), dh.data(), sums.data(),
                          written, read, piece, heads, width);
    });
    write(out);
    write(dh);
    write(sums);
}
