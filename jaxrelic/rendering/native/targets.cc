// What XLA calls: `draw` and `pull_back` over a batch, in single and double precision.
//
// Every operand and result leads with the same batch axes. Images are shared out among as many
// threads as there are cores; each is the work of one thread, so bits do not depend on how many.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <system_error>
#include <thread>
#include <vector>

#include "kernel.h"
#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;
using jaxrelic::Constants;
using jaxrelic::kNumSums;
using jaxrelic::Scene;

XLA_FFI_REGISTER_STRUCT_ATTR_DECODING(
    Constants, ffi::StructMember<int64_t>("height"), ffi::StructMember<int64_t>("width"),
    ffi::StructMember<double>("gamma"), ffi::StructMember<double>("near"),
    ffi::StructMember<double>("far"), ffi::StructMember<double>("reach"),
    ffi::StructMember<double>("background"));

namespace {

template <typename Work>
void for_each(int64_t count, const Work& work) {
  std::atomic<int64_t> next = 0;
  const auto run = [&] {
    for (int64_t i = next++; i < count; i = next++) work(i);
  };
  const int64_t cores = std::max<int64_t>(1, std::thread::hardware_concurrency());
  std::vector<std::thread> helpers;
  try {
    while (int64_t(helpers.size()) + 1 < std::min(cores, count)) helpers.emplace_back(run);
  } catch (const std::system_error&) {
    // No more threads to be had: those there are do all the work.
  }
  run();
  for (std::thread& helper : helpers) helper.join();
}

// The scenes of a batch, in XLA's buffers.
template <ffi::DataType kType>
struct Batch {
  using T = ffi::NativeType<kType>;

  Constants constants;
  ffi::Buffer<kType> corners, values, texture;
  ffi::Buffer<ffi::PRED> present;
  ffi::Buffer<kType> sigma;
  std::vector<T> column_x = centres(constants.width, 1), row_y = centres(constants.height, -1);

  int64_t images() const { return sigma.element_count(); }
  int64_t pixels() const { return constants.height * constants.width; }
  int64_t faces() const { return corners.dimensions()[corners.dimensions().size() - 2]; }

  Scene<T> operator[](int64_t image) const {
    const auto texels = texture.dimensions().last(3);
    const int64_t texture_size = texels[0] * texels[1] * texels[2];
    return {constants,
            faces(),
            texels[0],
            texels[1],
            corners.typed_data() + image * 9 * faces(),
            values.typed_data() + image * (values.element_count() / images()),
            texture_size ? texture.typed_data() + image * texture_size : nullptr,
            present.typed_data() + image * faces(),
            sigma.typed_data()[image],
            column_x.data(),
            row_y.data()};
  }

  // Centres of a row or column of pixels in isotropic NDC.
  std::vector<T> centres(int64_t size, int direction) const {
    std::vector<T> centres(size + jaxrelic::kLanes);
    const double longer = std::max(constants.height, constants.width);
    for (int64_t i = 0; i < int64_t(centres.size()); ++i)
      centres[i] = T(direction * (2 * i + 1 - size) / longer);
    return centres;
  }
};

// corners [*b f 9]; values: colours [*b f 9] or texture coordinates [*b f 6]; texture [*b h w 3],
// empty with colours; present [*b f]; sigma [*b] -> sums [*b 6 h w], nearest [*b h w].
template <ffi::DataType kType>
ffi::Error Draw(Constants constants, ffi::Buffer<kType> corners, ffi::Buffer<kType> values,
                ffi::Buffer<kType> texture, ffi::Buffer<ffi::PRED> present,
                ffi::Buffer<kType> sigma, ffi::ResultBuffer<kType> sums,
                ffi::ResultBuffer<kType> nearest) {
  const Batch<kType> batch{constants, corners, values, texture, present, sigma};
  for_each(batch.images(), [&](int64_t image) {
    jaxrelic::draw(batch[image], sums->typed_data() + image * kNumSums * batch.pixels(),
                   nearest->typed_data() + image * batch.pixels());
  });
  return ffi::Error::Success();
}

// The same, nearest, and the gradient of the sums -> those of corners, and of colours or texture.
template <ffi::DataType kType>
ffi::Error PullBack(Constants constants, ffi::Buffer<kType> corners, ffi::Buffer<kType> values,
                    ffi::Buffer<kType> texture, ffi::Buffer<ffi::PRED> present,
                    ffi::Buffer<kType> sigma, ffi::Buffer<kType> nearest,
                    ffi::Buffer<kType> by_sums, ffi::ResultBuffer<kType> by_corners,
                    ffi::ResultBuffer<kType> by_colours) {
  const Batch<kType> batch{constants, corners, values, texture, present, sigma};
  const int64_t colours = by_colours->element_count() / std::max<int64_t>(1, batch.images());
  for_each(batch.images(), [&](int64_t image) {
    auto* to_corners = by_corners->typed_data() + image * 9 * batch.faces();
    auto* to_colours = by_colours->typed_data() + image * colours;
    std::fill_n(to_corners, 9 * batch.faces(), 0);
    std::fill_n(to_colours, colours, 0);
    jaxrelic::pull_back(batch[image], nearest.typed_data() + image * batch.pixels(),
                        by_sums.typed_data() + image * kNumSums * batch.pixels(), to_corners,
                        to_colours);
  });
  return ffi::Error::Success();
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(draw_float32, Draw<ffi::F32>);
XLA_FFI_DEFINE_HANDLER_SYMBOL(draw_float64, Draw<ffi::F64>);
XLA_FFI_DEFINE_HANDLER_SYMBOL(pull_back_float32, PullBack<ffi::F32>);
XLA_FFI_DEFINE_HANDLER_SYMBOL(pull_back_float64, PullBack<ffi::F64>);
