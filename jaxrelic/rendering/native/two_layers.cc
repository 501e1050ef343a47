// The first and the last triangle behind each pixel centre. Called through ctypes, without XLA;
// `jaxrelic/rendering/two_layers/hits.py` says what it computes and has the same in NumPy.

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace {

// Rounding must open no crack between triangles; as in hits.py.
constexpr double kEdgeTolerance = 1e-9;

struct Range {
  int64_t low, high;
};

// Pixels whose centre can lie between three coordinates.
Range Centres(double a, double b, double c, int64_t size) {
  const double low = std::min({a, b, c}), high = std::max({a, b, c});
  return {static_cast<int64_t>(std::clamp(std::ceil(low - 0.5), 0.0, double(size))),
          static_cast<int64_t>(std::clamp(std::floor(high - 0.5), -1.0, double(size - 1)))};
}

}  // namespace

// corners: [faces, 3, 3] of (u, v, 1 / depth), in pixels and inverse units of depth.
// nearness: [2, size, size], first then last hit; the first starts at 0, the last at infinity.
// triangle: [2, size, size], -1 where nothing is hit.
extern "C" void jaxrelic_two_layers(const double* corners, int64_t faces, int64_t size,
                                    double* nearness, int32_t* triangle) {
  const int64_t pixels = size * size;
  for (int64_t face = 0; face < faces; ++face) {
    const double* a = corners + 9 * face;
    const double *b = a + 3, *c = a + 6;
    const double area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
    if (area == 0 || !std::isfinite(area)) continue;
    const Range columns = Centres(a[0], b[0], c[0], size), rows = Centres(a[1], b[1], c[1], size);
    const double inverse = 1 / area;
    // Barycentric weights of b and c change by these from column to column.
    const double step_b = (c[1] - a[1]) * inverse, step_c = -(b[1] - a[1]) * inverse;
    for (int64_t row = rows.low; row <= rows.high; ++row) {
      const double y = row + 0.5 - a[1], x = columns.low + 0.5 - a[0];
      const double start_b = (x * (c[1] - a[1]) - y * (c[0] - a[0])) * inverse;
      const double start_c = (y * (b[0] - a[0]) - x * (b[1] - a[1])) * inverse;
      for (int64_t column = columns.low; column <= columns.high; ++column) {
        const double step = static_cast<double>(column - columns.low);
        const double wb = start_b + step * step_b, wc = start_c + step * step_c, wa = 1 - wb - wc;
        if (std::min({wa, wb, wc}) < -kEdgeTolerance) continue;
        const double near = wa * a[2] + wb * b[2] + wc * c[2];
        const int64_t first = row * size + column, last = first + pixels;
        if (near > nearness[first]) nearness[first] = near, triangle[first] = face;
        if (near < nearness[last]) nearness[last] = near, triangle[last] = face;
      }
    }
  }
}
