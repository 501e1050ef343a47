// The soft rasterizer for one image: sums of fragments per pixel, and their gradient.
//
// A fragment is a face at a pixel it covers. Each face finds its pixels row by row, a few at a
// time are shaded together (`Lanes`), and their sums are added to the pixels one by one in the
// order of faces. Nothing is stored per fragment and nothing depends on the number of threads.
// Formulas: specification msrn B.1-B.5, as in fragments.py and aggregate.py; (B.1) and the like
// below are its sections. Barycentric weights are constants in the gradient. Coordinates are
// isotropic NDC, x right, y up, z depth.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#include "lanes.h"

namespace jaxrelic {

enum Sum { kOpacity, kWeight, kDepth, kRed, kGreen, kBlue, kNumSums };

// What all images of a batch share.
struct Constants {
  int64_t height, width;
  double gamma, near, far;
  double reach;       // Cut-off distance^2 / sigma (B.1).
  double background;  // Where the background stands, 0 at far and 1 at near (B.3).
};

// One image, and what is drawn on it.
template <typename T>
struct Scene : Constants {
  int64_t faces, texture_height, texture_width;
  const T* corners;  // [faces 3 3]
  const T* values;   // [faces 3 3] colours, or [faces 3 2] texture coordinates.
  const T* texture;  // [texture_height texture_width 3], or null for corner colours.
  const bool* present;
  T sigma;
  const T* column_x;  // Pixel centres in isotropic NDC, with kLanes more to read and not use.
  const T* row_y;
};

// A face, and what every pixel would otherwise compute again.
template <typename T>
struct Face {
  T x[3], y[3], inverse_z[3];
  T edge_x[3], edge_y[3];  // Edge k runs from corner k to k + 1.
  T inverse_length2[3], inverse_area;

  explicit Face(const T* corners) {
    for (int k = 0; k < 3; ++k) {
      x[k] = corners[3 * k];
      y[k] = corners[3 * k + 1];
      inverse_z[k] = 1 / corners[3 * k + 2];
    }
    for (int k = 0; k < 3; ++k) {
      edge_x[k] = x[(k + 1) % 3] - x[k];
      edge_y[k] = y[(k + 1) % 3] - y[k];
      const T length2 = edge_x[k] * edge_x[k] + edge_y[k] * edge_y[k];
      inverse_length2[k] = 1 / (length2 > 0 ? length2 : 1);
    }
    inverse_area = 1 / (edge_x[2] * edge_y[0] - edge_x[0] * edge_y[2]);
  }
};

// Pixels waiting to be shaded with one face.
template <typename T>
struct Chunk {
  static constexpr int kCapacity = 16 * kLanes;
  int count = 0;
  int32_t pixel[kCapacity] = {};
  T x[kCapacity] = {}, y[kCapacity] = {};

  // Adds pixels first to last of a row. Writes whole vectors, of which `count` tells what is used;
  // the rest are pixels too, because they are read.
  template <typename Shade>
  void add(const Scene<T>& scene, int row, int first, int last, const Shade& shade) {
    const T y_row = scene.row_y[row];
    const int32_t start = int32_t(row * scene.width);
    const int32_t last_pixel = int32_t(scene.height * scene.width - 1);
    for (int column = first; column <= last; column += kLanes) {
      for (int lane = 0; lane < kLanes; ++lane)
        pixel[count + lane] = std::min(start + column + lane, last_pixel);
      std::memcpy(x + count, scene.column_x + column, sizeof(Reals<T>));
      for (int lane = 0; lane < kLanes; ++lane) y[count + lane] = y_row;
      count += std::min(kLanes, last - column + 1);
      if (count > kCapacity - kLanes) flush(shade);
    }
  }

  template <typename Shade>
  void flush(const Shade& shade) {
    if (count) shade(*this);
    count = 0;
  }
};

// Calls shade(chunk) until all pixels that a face may cover have had their turn.
//
// In a row they are a span: those within the margin of the inner side of all three edges. That is
// a little more than the face covers, at sharp corners; shading decides exactly.
template <typename T, typename Shade>
void walk(const Scene<T>& scene, const Face<T>& face, Chunk<T>& chunk, const Shade& shade) {
  using V = Reals<T>;
  const auto [min_x, max_x] = std::minmax({face.x[0], face.x[1], face.x[2]});
  const auto [min_y, max_y] = std::minmax({face.y[0], face.y[1], face.y[2]});
  const T extent = std::max({std::abs(min_x), std::abs(max_x), std::abs(min_y), std::abs(max_y)});
  // The slacks exceed every rounding error below.
  const T slack = T(1e-6) * (1 + extent), slack_px = T(1e-3);
  const T margin = T(1.001) * std::sqrt(T(scene.reach) * scene.sigma) + slack;
  const T half = T(0.5) * std::max(scene.height, scene.width);
  const T middle_column = T(0.5) * (scene.width - 1), middle_row = T(0.5) * (scene.height - 1);
  // The first pixel at or after a position, and the number of pixels up to it.
  const auto first_from = [&](auto position, T size) {
    return clamp(position + (1 - slack_px), position * 0, position * 0 + size);
  };
  const auto count_to = [&](auto position, T size) {
    return clamp(position + (1 + slack_px), position * 0, position * 0 + size);
  };
  T normal_x[3], normal_y[3], inverse_normal_x[3];  // Unit, pointing inwards.
  for (int k = 0; k < 3; ++k) {
    const T scale = std::copysign(std::sqrt(face.inverse_length2[k]), face.inverse_area);
    normal_x[k] = -face.edge_y[k] * scale;
    normal_y[k] = face.edge_x[k] * scale;
    inverse_normal_x[k] = normal_x[k] != 0 ? 1 / normal_x[k] : 0;
  }
  const int end_row = int(count_to(middle_row - half * (min_y - margin), scene.height));
  for (int group = int(first_from(middle_row - half * (max_y + margin), scene.height));
       group < end_row; group += kLanes) {
    const V y = load<V>(scene.row_y + group);
    V left = V{} + (min_x - margin), right = V{} + (max_x + margin);
    for (int k = 0; k < 3; ++k) {
      // normal . (p - corner k) >= -margin, solved for x.
      const V bound = face.x[k] - (margin + normal_y[k] * (y - face.y[k])) * inverse_normal_x[k];
      if (normal_x[k] > 0) left = select(bound > left, bound, left);
      if (normal_x[k] < 0) right = select(bound < right, bound, right);
    }
    const auto first = truncate<T>(first_from(middle_column + half * left, scene.width));
    const auto end = truncate<T>(count_to(middle_column + half * right, scene.width));
    const int rows = std::min(kLanes, end_row - group);
    for (int lane = 0; lane < rows; ++lane)
      chunk.add(scene, group + lane, int(first[lane]), int(end[lane]) - 1, shade);
  }
  chunk.flush(shade);
}

// Where a face meets pixels (B.1, B.2); compare `Fragments` of fragments.py.
template <typename T>
struct Fragments {
  using V = Reals<T>;
  Whole<T> covered, coloured;
  V inside;              // 1 inside, -1 outside.
  V away_x, away_y;      // From the closest point of the boundary to the pixel.
  V closest[3];          // Weights of the corners in the closest point.
  V barycentric[3];      // Clipped and normalised.
  V depth, farness;      // Depth, and the same with 0 at near and 1 at far.
  V coverage, softplus;  // sigmoid(x) and log(1 + exp(x)) of x = +-distance^2 / sigma.

  Fragments(const Scene<T>& scene, const Face<T>& face, const Chunk<T>& chunk, int first) {
    meet(face, load<V>(chunk.x + first), load<V>(chunk.y + first));
    const V distance2 = away_x * away_x + away_y * away_y;
    covered = (inside > 0) | (distance2 < T(scene.reach) * scene.sigma);
    for (int lane = 0; lane < kLanes; ++lane) covered[lane] &= first + lane < chunk.count ? -1 : 0;

    const V argument = distance2 * (1 / scene.sigma);
    const V odds = exp_of_negative(-argument);
    coverage = select(inside > 0, V{} + 1, odds) / (1 + odds);
    softplus = select(inside > 0, argument, V{}) + log1p_of_fraction(odds);

    V inverse_depth = {};
    for (int k = 0; k < 3; ++k) inverse_depth += barycentric[k] * face.inverse_z[k];
    // Weights are garbage where rounding hides the area of a face; results must still be finite.
    depth = 1 / select(inverse_depth > T(1e-15), inverse_depth, V{} + T(1e-15));
    coloured = covered & (depth >= T(scene.near)) & (depth <= T(scene.far));
    farness = (depth - T(scene.near)) * T(1 / (scene.far - scene.near));
  }

 private:
  void meet(const Face<T>& face, V x, V y) {
    V weight[3], distance2;
    for (int k = 0; k < 3; ++k) {
      const V dx = x - face.x[k], dy = y - face.y[k];
      // Edge k is opposite corner k + 2.
      weight[(k + 2) % 3] = (face.edge_x[k] * dy - face.edge_y[k] * dx) * face.inverse_area;
      V along = (dx * face.edge_x[k] + dy * face.edge_y[k]) * face.inverse_length2[k];
      along = clamp(along, V{}, V{} + 1);
      const V rx = dx - along * face.edge_x[k], ry = dy - along * face.edge_y[k];
      const V candidate = rx * rx + ry * ry;
      const V start = 1 - along;
      if (k == 0) {
        distance2 = candidate, away_x = rx, away_y = ry;
        closest[0] = start, closest[1] = along, closest[2] = V{};
        continue;
      }
      const auto closer = candidate < distance2;  // Ties keep the first edge.
      distance2 = select(closer, candidate, distance2);
      away_x = select(closer, rx, away_x);
      away_y = select(closer, ry, away_y);
      closest[k] = select(closer, start, closest[k]);
      closest[(k + 1) % 3] = select(closer, along, closest[(k + 1) % 3]);
      closest[(k + 2) % 3] = select(closer, V{}, closest[(k + 2) % 3]);
    }
    const auto within = (weight[0] > 0) & (weight[1] > 0) & (weight[2] > 0);
    inside = select(within, V{} + 1, V{} - 1);
    V sum = {};
    for (int k = 0; k < 3; ++k) sum += barycentric[k] = clamp(weight[k], V{}, V{} + 1);
    const V scale = 1 / select(sum > T(1e-5), sum, V{} + T(1e-5));
    for (int k = 0; k < 3; ++k) barycentric[k] *= scale;
  }
};

// The texels that fragments mix, and their shares (A.5); compare `texel_cell` of texture.py.
template <typename T>
struct Texels {
  using V = Reals<T>;
  using Index = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
  Whole<T> offset;       // Of the cell's upper left texel in the texture.
  V share[4];            // Upper left, upper right, lower left, lower right.
  int64_t neighbour[4];  // Offsets of the four from the first.

  Texels(const Scene<T>& scene, const T* uvs, const V* barycentric) {
    V u = {}, v = {};
    for (int k = 0; k < 3; ++k) {
      u += barycentric[k] * uvs[2 * k];
      v += barycentric[k] * uvs[2 * k + 1];
    }
    const V one = V{} + 1;
    const V column = clamp(u, V{}, one) * T(scene.texture_width - 1);
    const V row = (1 - clamp(v, V{}, one)) * T(scene.texture_height - 1);
    const Whole<T> left = cell(column, scene.texture_width), top = cell(row, scene.texture_height);
    const V x = column - __builtin_convertvector(left, V);
    const V y = row - __builtin_convertvector(top, V);
    share[0] = (1 - x) * (1 - y), share[1] = x * (1 - y), share[2] = (1 - x) * y, share[3] = x * y;
    offset = (top * Index(scene.texture_width) + left) * 3;
    const int64_t right = scene.texture_width > 1 ? 3 : 0;
    const int64_t below = scene.texture_height > 1 ? 3 * scene.texture_width : 0;
    neighbour[0] = 0, neighbour[1] = right, neighbour[2] = below, neighbour[3] = below + right;
  }

  // Adds the gradients of the first `count` fragments' colours to those of their texels.
  void scatter(const V* by_rgb, int count, T* by_texture) const {
    for (int lane = 0; lane < count; ++lane)
      for (int i = 0; i < 4; ++i)
        for (int c = 0; c < 3; ++c)
          by_texture[offset[lane] + neighbour[i] + c] += share[i][lane] * by_rgb[c][lane];
  }

  static Whole<T> cell(V position, int64_t size) {
    const Whole<T> whole = truncate<T>(position);
    const Whole<T> last = Whole<T>{} + Index(std::max<int64_t>(size - 2, 0));
    return select(whole < last, whole, last);
  }
};

// Red, green and blue of fragments (B.3, B.5).
template <typename T>
struct Colours {
  using V = Reals<T>;
  V rgb[3] = {};

  Colours(const T* values, const V* barycentric) {
    for (int k = 0; k < 3; ++k)
      for (int c = 0; c < 3; ++c) rgb[c] += barycentric[k] * values[3 * k + c];
  }

  Colours(const T* texture, const Texels<T>& texels) {
    for (int lane = 0; lane < kLanes; ++lane) {
      const T* cell = texture + texels.offset[lane];
      T sum[3] = {};
      for (int i = 0; i < 4; ++i)
        for (int c = 0; c < 3; ++c) sum[c] += texels.share[i][lane] * cell[texels.neighbour[i] + c];
      for (int c = 0; c < 3; ++c) rgb[c][lane] = sum[c];
    }
  }
};

// Sums [kNumSums pixels] of fragments, and the farness [pixels] of each pixel's nearest face.
//
// Colour weights are relative to the nearest face met so far; a nearer one scales down what is
// there (the running form of B.3), so that no exponential overflows.
template <typename T>
void draw(const Scene<T>& scene, T* sums, T* nearest) {
  using V = Reals<T>;
  constexpr int kStride = 8;  // A pixel's sums share a cache line.
  const int64_t pixels = scene.height * scene.width;
  std::vector<T> pixel_sums(kStride * pixels, T(0));
  std::fill(nearest, nearest + pixels, T(1 - scene.background));
  const T inverse_gamma = T(1 / scene.gamma);
  Chunk<T> chunk;
  for (int64_t number = 0; number < scene.faces; ++number) {
    if (!scene.present[number]) continue;
    const Face<T> face(scene.corners + 9 * number);
    walk(scene, face, chunk, [&](const Chunk<T>& chunk) {
      for (int first = 0; first < chunk.count; first += kLanes) {
        const Fragments<T> met(scene, face, chunk, first);
        const int32_t* pixel = chunk.pixel + first;
        const Colours<T> colours =
            scene.texture
                ? Colours<T>(scene.texture,
                             Texels<T>(scene, scene.values + 6 * number, met.barycentric))
                : Colours<T>(scene.values + 9 * number, met.barycentric);
        const V before = gather<V>(nearest, pixel);
        const V gap = met.farness - before;
        const auto nearer = met.coloured & (gap < 0);
        const V fade = exp_of_negative(select(gap < 0, gap, -gap) * inverse_gamma);
        const V shown = select(met.coloured, met.coverage, V{});
        const V weight = select(nearer, shown, shown * fade);
        const V rescale = select(nearer, fade, V{} + 1);
        const V now = select(nearer, met.farness, before);
        const V added[kNumSums] = {select(met.covered, met.softplus, V{}),
                                   weight,
                                   weight * met.depth,
                                   weight * colours.rgb[0],
                                   weight * colours.rgb[1],
                                   weight * colours.rgb[2]};
        const int count = std::min(kLanes, chunk.count - first);
        for (int lane = 0; lane < count; ++lane) {
          T* sum = pixel_sums.data() + int64_t(kStride) * pixel[lane];
          sum[kOpacity] += added[kOpacity][lane];
          for (int s = kWeight; s < kNumSums; ++s)
            sum[s] = sum[s] * rescale[lane] + added[s][lane];
          nearest[pixel[lane]] = now[lane];
        }
      }
    });
  }
  for (int s = 0; s < kNumSums; ++s)
    for (int64_t p = 0; p < pixels; ++p) sums[s * pixels + p] = pixel_sums[kStride * p + s];
}

// Gradients of corners [faces 3 3] and of colours or texture, both zero on entry, given those of
// the sums [kNumSums pixels]. `nearest` is what `draw` found, a constant here: the image does not
// depend on the level that weights are relative to.
template <typename T>
void pull_back(const Scene<T>& scene, const T* nearest, const T* by_sums, T* by_corners,
               T* by_colours) {
  using V = Reals<T>;
  const int64_t pixels = scene.height * scene.width;
  const T inverse_gamma = T(1 / scene.gamma), inverse_sigma = 1 / scene.sigma;
  const T by_farness_per_depth = T(1 / (scene.far - scene.near));
  Chunk<T> chunk;
  for (int64_t number = 0; number < scene.faces; ++number) {
    if (!scene.present[number]) continue;
    const Face<T> face(scene.corners + 9 * number);
    V by_corner[3][3] = {}, by_colour[3][3] = {};
    walk(scene, face, chunk, [&](const Chunk<T>& chunk) {
      for (int first = 0; first < chunk.count; first += kLanes) {
        const Fragments<T> met(scene, face, chunk, first);
        const int32_t* pixel = chunk.pixel + first;
        V by_sum[kNumSums];
        for (int s = 0; s < kNumSums; ++s) by_sum[s] = gather<V>(by_sums + s * pixels, pixel);
        const V gap = gather<V>(nearest, pixel) - met.farness;
        const V fade = exp_of_negative(select(gap < 0, gap, V{}) * inverse_gamma);
        const V weight = select(met.coloured, met.coverage * fade, V{});

        const V by_rgb[3] = {weight * by_sum[kRed], weight * by_sum[kGreen],
                             weight * by_sum[kBlue]};
        V by_weight = by_sum[kWeight] + by_sum[kDepth] * met.depth;
        const auto add_to_weight = [&](const Colours<T>& colours) {
          for (int c = 0; c < 3; ++c) by_weight += by_sum[kRed + c] * colours.rgb[c];
        };
        if (scene.texture) {
          const Texels<T> texels(scene, scene.values + 6 * number, met.barycentric);
          texels.scatter(by_rgb, std::min(kLanes, chunk.count - first), by_colours);
          add_to_weight(Colours<T>(scene.texture, texels));
        } else {
          for (int k = 0; k < 3; ++k)
            for (int c = 0; c < 3; ++c) by_colour[k][c] += met.barycentric[k] * by_rgb[c];
          add_to_weight(Colours<T>(scene.values + 9 * number, met.barycentric));
        }

        // weight = coverage exp(-farness / gamma) up to a constant.
        const V by_depth =
            weight * (by_sum[kDepth] - by_weight * (inverse_gamma * by_farness_per_depth));
        // d softplus = coverage, d coverage = coverage (1 - coverage).
        const V opacity = select(met.covered, met.coverage * by_sum[kOpacity], V{});
        const V by_argument = opacity + by_weight * weight * (1 - met.coverage);
        // The closest point is held in place along its edge: distance is stationary in it.
        const V by_closest = by_argument * met.inside * (-2 * inverse_sigma);
        for (int k = 0; k < 3; ++k) {
          by_corner[k][0] += by_closest * met.closest[k] * met.away_x;
          by_corner[k][1] += by_closest * met.closest[k] * met.away_y;
          by_corner[k][2] += by_depth * met.depth * met.depth * met.barycentric[k] *
                             (face.inverse_z[k] * face.inverse_z[k]);
        }
      }
    });
    for (int k = 0; k < 3; ++k) {
      for (int axis = 0; axis < 3; ++axis) {
        by_corners[9 * number + 3 * k + axis] = total<T>(by_corner[k][axis]);
        if (!scene.texture) by_colours[9 * number + 3 * k + axis] = total<T>(by_colour[k][axis]);
      }
    }
  }
}

}  // namespace jaxrelic
