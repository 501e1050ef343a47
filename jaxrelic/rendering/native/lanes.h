// Numbers a few at a time: the compiler's vector types, and the functions it has none of.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

namespace jaxrelic {

constexpr int kLanes = 8;

template <typename T>
struct Lanes;

template <>
struct Lanes<float> {
  typedef float Reals __attribute__((vector_size(kLanes * sizeof(float))));
  typedef int32_t Whole __attribute__((vector_size(kLanes * sizeof(int32_t))));
};

template <>
struct Lanes<double> {
  typedef double Reals __attribute__((vector_size(kLanes * sizeof(double))));
  typedef int64_t Whole __attribute__((vector_size(kLanes * sizeof(int64_t))));
};

template <typename T>
using Reals = typename Lanes<T>::Reals;

// Whole numbers of the same width; as a mask, each lane is 0 or -1.
template <typename T>
using Whole = typename Lanes<T>::Whole;

template <typename Mask, typename V>
inline V select(Mask mask, V yes, V no) {
  return mask ? yes : no;
}

// For one number or for lanes. A NaN becomes the lower bound, so that indices stay in bounds.
template <typename V>
inline V clamp(V x, V low, V high) {
  return select(x > low, select(x < high, x, high), low);
}

template <typename T>
inline Whole<T> truncate(Reals<T> x) {
  return __builtin_convertvector(x, Whole<T>);
}

template <typename V, typename T>
inline V load(const T* from) {
  V x;
  std::memcpy(&x, from, sizeof x);
  return x;
}

template <typename V, typename T, typename Index>
inline V gather(const T* from, const Index* index) {
  V x;
  for (int lane = 0; lane < kLanes; ++lane) x[lane] = from[index[lane]];
  return x;
}

// In a fixed order, so that results repeat; in pairs, so that additions overlap.
template <typename T, typename V>
inline T total(V x) {
  for (int half = kLanes / 2; half > 0; half /= 2)
    for (int lane = 0; lane < half; ++lane) x[lane] += x[lane + half];
  return x[0];
}

// exp(x) for x <= 0: 2^n exp(r) with |r| <= log(2) / 2, where Taylor's series to r^7 has a
// relative error of 5e-9. Below the smallest normal float it is 0.
inline Reals<float> exp_of_negative(Reals<float> x) {
  using V = Reals<float>;
  const V lowest = V{} - 87.0f;
  const V clamped = select(x > lowest, x, lowest);
  const float to_integer = 12582912.0f;  // 1.5 * 2^23: adding it leaves no fraction bits.
  const V n = (clamped * 1.44269504f + to_integer) - to_integer;
  // log(2) in two parts, the first short enough that its product with n is exact.
  const V r = (clamped - n * 0.693145751953125f) - n * 1.42860677e-6f;
  V series = 1.0f / 5040 * r + 1.0f / 720;
  series = series * r + 1.0f / 120;
  series = series * r + 1.0f / 24;
  series = series * r + 1.0f / 6;
  series = series * r + 0.5f;
  series = series * r * r + r + 1.0f;
  const Whole<float> bits = (__builtin_convertvector(n, Whole<float>) + 127) << 23;
  V power;
  std::memcpy(&power, &bits, sizeof power);
  return select(x > lowest, series * power, V{});
}

inline Reals<double> exp_of_negative(Reals<double> x) {
  for (int lane = 0; lane < kLanes; ++lane) x[lane] = std::exp(x[lane]);
  return x;
}

// log(1 + q) for q in [0, 1] as 2 artanh(s), s = q / (2 + q) <= 1/3: without cancellation at small
// q. The first term left out is below 1e-8 of the sum.
inline Reals<float> log1p_of_fraction(Reals<float> q) {
  const Reals<float> s = q / (2.0f + q), square = s * s;
  Reals<float> series = 1.0f / 15 * square + 1.0f / 13;
  series = series * square + 1.0f / 11;
  series = series * square + 1.0f / 9;
  series = series * square + 1.0f / 7;
  series = series * square + 1.0f / 5;
  series = series * square + 1.0f / 3;
  return 2.0f * s * (series * square + 1.0f);
}

inline Reals<double> log1p_of_fraction(Reals<double> q) {
  for (int lane = 0; lane < kLanes; ++lane) q[lane] = std::log1p(q[lane]);
  return q;
}

}  // namespace jaxrelic
