// 3 x 3 convolutions in bfloat16 on a processor with matrix tiles (Intel AMX): products of rounded
// numbers, sums in float32. Called by XLA; `jaxrelic/nn/native/__init__.py` says what is computed.
//
// Maps are laid out with a border of zeros, one after the other, as one long row of pixels. Each of
// the nine taps is then a constant distance along that row, and the convolution nine matrix
// products of one matrix of pixels that starts in nine places. Products for border pixels are waste
// (13 % of a 32 x 32 map) and are dropped.

#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;

namespace {

using Half = uint16_t;  // bfloat16
constexpr int64_t kSide = 16;   // rows of a tile, and its float32 columns
constexpr int64_t kBlock = 32;  // two tiles; also the bfloat16 columns of one
constexpr int64_t kTaps = 9;
constexpr int64_t kChunk = 1024;  // pixels that are summed before the next, so that they stay near

int64_t RoundUp(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

template <typename T>
class Zeros {
 public:
  explicit Zeros(int64_t count)
      : data_(static_cast<T*>(std::aligned_alloc(64, RoundUp(count * sizeof(T), 64))), std::free) {
    std::memset(data_.get(), 0, count * sizeof(T));
  }
  T* operator+(int64_t offset) const { return data_.get() + offset; }
  T& operator[](int64_t index) const { return data_.get()[index]; }

 private:
  std::unique_ptr<T, decltype(&std::free)> data_;
};

// Eight tiles of 16 rows of 64 bytes, for as long as this lives, in this thread.
class Tiles {
 public:
  // Linux grants the tiles' state to a process that asks for it (ARCH_REQ_XCOMP_PERM, XTILEDATA).
  static bool Granted() {
    static const bool granted = syscall(SYS_arch_prctl, 0x1023, 18) == 0;
    return granted;
  }
  Tiles() {
    struct alignas(64) {
      uint8_t palette = 1, rest[15] = {};
      uint16_t bytes[16] = {};
      uint8_t rows[16] = {};
    } config;
    std::fill_n(config.bytes, 8, 64);
    std::fill_n(config.rows, 8, kSide);
    _tile_loadconfig(&config);
  }
  ~Tiles() { _tile_release(); }
};

// The border and the rows of a batch of maps.
struct Maps {
  int64_t batch, height, width;

  int64_t stride() const { return width + 2; }
  int64_t pixels() const { return batch * (height + 2) * stride(); }
  // Pixels before the first that a tap may reach.
  int64_t lead() const { return stride() + 1; }
  int64_t tap(int64_t index) const { return index / 3 * stride() + index % 3; }
  // Where the first pixel of a row of a map lies.
  int64_t row(int64_t map, int64_t y) const { return (map * (height + 2) + y + 1) * stride() + 1; }
};

Maps MapsOf(const ffi::Buffer<ffi::F32>& x) {
  const auto shape = x.dimensions();
  return {shape[0], shape[1], shape[2]};
}

void Round(const float* from, int64_t count, Half* to) {
  for (int64_t i = 0; i < count; i += kSide) {
    const __mmask16 mask = count - i < kSide ? (1u << (count - i)) - 1 : 0xffff;
    const __m256bh halves = _mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(mask, from + i));
    _mm256_mask_storeu_epi16(to + i, mask, reinterpret_cast<const __m256i&>(halves));
  }
}

// Accumulators 0 to 3 of a 32 x 32 block += a block of a (32 rows) times two tiles of b.
inline void Multiply(const Half* a, int64_t a_stride, const Half* b, const Half* next_b) {
  _tile_loadd(4, a, a_stride * sizeof(Half));
  _tile_loadd(5, a + kSide * a_stride, a_stride * sizeof(Half));
  _tile_loadd(6, b, 64);
  _tile_loadd(7, next_b, 64);
  _tile_dpbf16ps(0, 4, 6);
  _tile_dpbf16ps(1, 4, 7);
  _tile_dpbf16ps(2, 5, 6);
  _tile_dpbf16ps(3, 5, 7);
}

inline void ClearBlock() {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
}

inline void LoadBlock(const float* block, int64_t stride) {
  const int64_t bytes = stride * sizeof(float);
  _tile_loadd(0, block, bytes);
  _tile_loadd(1, block + kSide, bytes);
  _tile_loadd(2, block + kSide * stride, bytes);
  _tile_loadd(3, block + kSide * stride + kSide, bytes);
}

inline void StoreBlock(float* block, int64_t stride) {
  const int64_t bytes = stride * sizeof(float);
  _tile_stored(0, block, bytes);
  _tile_stored(1, block + kSide, bytes);
  _tile_stored(2, block + kSide * stride, bytes);
  _tile_stored(3, block + kSide * stride + kSide, bytes);
}

// A matrix [rows, columns] in the order in which tiles read their right factor:
// [columns / 16, rows / 2, 16, 2].
struct RightFactor {
  int64_t rows;
  Zeros<Half> halves;

  RightFactor(int64_t rows, int64_t columns) : rows(rows), halves(rows * columns) {}
  const Half* tile(int64_t row, int64_t column) const {
    return halves + (column / kSide * rows + row) * kSide;
  }
  void SetRow(int64_t row, const Half* values, int64_t count) {
    for (int64_t column = 0; column < count; ++column)
      halves[(column / kSide * rows + row / 2 * 2) * kSide + column % kSide * 2 + row % 2] =
          values[column];
  }
};

// Writes the pixels of a block that are not of the border.
void Scatter(const Maps& maps, int64_t first, const float* block, int64_t count, int64_t channels,
             float* y) {
  const int64_t per_map = (maps.height + 2) * maps.stride();
  for (int64_t i = 0; i < kBlock && first + i < maps.pixels(); ++i) {
    const int64_t map = (first + i) / per_map, within = (first + i) % per_map;
    const int64_t row = within / maps.stride() - 1, column = within % maps.stride() - 1;
    if (row < 0 || row >= maps.height || column < 0 || column >= maps.width) continue;
    std::memcpy(y + ((map * maps.height + row) * maps.width + column) * channels,
                block + i * kBlock, count * sizeof(float));
  }
}

// x [b h w c], kernel [3 3 c d] -> y [b h w d].
ffi::Error Convolve(ffi::Buffer<ffi::F32> x, ffi::Buffer<ffi::F32> kernel,
                    ffi::ResultBuffer<ffi::F32> y) {
  if (!Tiles::Granted()) return ffi::Error::Internal("the kernel does not grant matrix tiles");
  const Maps maps = MapsOf(x);
  const int64_t inputs = kernel.dimensions()[2], outputs = kernel.dimensions()[3];
  const int64_t depth = RoundUp(inputs, kBlock), width = RoundUp(outputs, kBlock);
  const Zeros<Half> pixels((maps.pixels() + 2 * maps.lead() + kBlock) * depth);
  for (int64_t row = 0; row < maps.batch * maps.height; ++row) {
    Half* to = pixels + (maps.lead() + maps.row(row / maps.height, row % maps.height)) * depth;
    const float* from = x.typed_data() + row * maps.width * inputs;
    for (int64_t i = 0; i < maps.width; ++i) Round(from + i * inputs, inputs, to + i * depth);
  }
  RightFactor weights(kTaps * depth, width);
  const Zeros<Half> line(width);
  for (int64_t tap = 0; tap < kTaps; ++tap)
    for (int64_t input = 0; input < inputs; ++input) {
      Round(kernel.typed_data() + (tap * inputs + input) * outputs, outputs, line + 0);
      weights.SetRow(tap * depth + input, line + 0, outputs);
    }
  const Tiles tiles;
  alignas(64) float block[kBlock * kBlock];
  for (int64_t at = maps.stride(); at < maps.pixels() - maps.stride(); at += kBlock)
    for (int64_t output = 0; output < outputs; output += kBlock) {
      ClearBlock();
      for (int64_t tap = 0; tap < kTaps; ++tap)
        for (int64_t input = 0; input < depth; input += kBlock)
          Multiply(pixels + (at + maps.tap(tap)) * depth + input, depth,
                   weights.tile(tap * depth + input, output),
                   weights.tile(tap * depth + input, output + kSide));
      StoreBlock(block, kBlock);
      const int64_t count = std::min(kBlock, outputs - output);
      Scatter(maps, at, block, count, outputs, y->typed_data() + output);
    }
  return ffi::Error::Success();
}

// x [b h w c], by_y [b h w d] -> by_kernel [3 3 c d].
ffi::Error KernelGradient(ffi::Buffer<ffi::F32> x, ffi::Buffer<ffi::F32> by_y,
                          ffi::ResultBuffer<ffi::F32> by_kernel) {
  if (!Tiles::Granted()) return ffi::Error::Internal("the kernel does not grant matrix tiles");
  const Maps maps = MapsOf(x);
  const int64_t inputs = x.dimensions()[3], outputs = by_y.dimensions()[3];
  const int64_t depth = RoundUp(inputs, kBlock), width = RoundUp(outputs, kBlock);
  const int64_t pixels = RoundUp(maps.pixels(), kBlock);
  const int64_t columns = RoundUp(pixels + 2 * maps.lead(), kBlock);
  const Zeros<Half> transposed(depth * columns), line(maps.width * depth + width);
  RightFactor gradient(pixels, width);
  for (int64_t row = 0; row < maps.batch * maps.height; ++row) {
    const int64_t first = maps.row(row / maps.height, row % maps.height);
    const float* from = x.typed_data() + row * maps.width * inputs;
    for (int64_t i = 0; i < maps.width; ++i) Round(from + i * inputs, inputs, line + i * depth);
    for (int64_t input = 0; input < inputs; ++input)
      for (int64_t i = 0; i < maps.width; ++i)
        transposed[input * columns + maps.lead() + first + i] = line[i * depth + input];
    from = by_y.typed_data() + row * maps.width * outputs;
    for (int64_t i = 0; i < maps.width; ++i) {
      Round(from + i * outputs, outputs, line + 0);
      gradient.SetRow(first + i, line + 0, outputs);
    }
  }
  const Tiles tiles;
  const Zeros<float> sums(kTaps * depth * width);
  for (int64_t start = 0; start < pixels; start += kChunk)
    for (int64_t output = 0; output < outputs; output += kBlock)
      for (int64_t input = 0; input < depth; input += kBlock)
        for (int64_t tap = 0; tap < kTaps; ++tap) {
          float* block = sums + (tap * depth + input) * width + output;
          LoadBlock(block, width);
          for (int64_t at = start; at < std::min(pixels, start + kChunk); at += kBlock)
            Multiply(transposed + input * columns + at + maps.tap(tap), columns,
                     gradient.tile(at, output), gradient.tile(at, output + kSide));
          StoreBlock(block, width);
        }
  for (int64_t row = 0; row < kTaps * inputs; ++row)
    std::memcpy(by_kernel->typed_data() + row * outputs,
                sums + (row / inputs * depth + row % inputs) * width, outputs * sizeof(float));
  return ffi::Error::Success();
}

}  // namespace

using Float32 = ffi::Buffer<ffi::F32>;
XLA_FFI_DEFINE_HANDLER_SYMBOL(
    convolve, Convolve, ffi::Ffi::Bind().Arg<Float32>().Arg<Float32>().Ret<Float32>());
XLA_FFI_DEFINE_HANDLER_SYMBOL(
    kernel_gradient, KernelGradient, ffi::Ffi::Bind().Arg<Float32>().Arg<Float32>().Ret<Float32>());
