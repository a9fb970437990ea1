"""The C99 kernels of an exported network: int8, with the integer arithmetic of TFLite Micro's reference kernels."""

from __future__ import annotations

ROUNDING = """\
/* x * multiplier * 2^(shift - 31), rounded twice, as TFLite Micro's reference kernels do. */
static int32_t scaled(int32_t x, int32_t multiplier, int shift) {
  const int left = shift > 0 ? shift : 0, right = shift > 0 ? 0 : -shift;
  const int64_t product = (int64_t)x * ((int32_t)1 << left) * multiplier;
  const int64_t nudge = product >= 0 ? ((int64_t)1 << 30) : 1 - ((int64_t)1 << 30);
  const int32_t high = (int32_t)((product + nudge) / ((int64_t)1 << 31));
  const int32_t mask = (int32_t)(((int64_t)1 << right) - 1);
  const int32_t threshold = (mask >> 1) + (high < 0 ? 1 : 0);
  return (high >> right) + ((high & mask) > threshold ? 1 : 0);
}

static int8_t clamped(int32_t x, int32_t low, int32_t high) { return (int8_t)(x < low ? low : x > high ? high : x); }
"""

KERNELS = {
    "CONV_2D": """\
/* Input [height, width, inputs], kernel [outputs, rows, columns, inputs], a multiplier for each output. */
static void convolution(const int8_t *x, int height, int width, int inputs, int x_zero, const int8_t *kernel,
                        const int32_t *bias, int rows, int columns, int stride, int top, int left,
                        const int32_t *multipliers, const int8_t *shifts, int8_t *y, int y_height, int y_width,
                        int outputs, int y_zero, int low, int high) {
  for (int row = 0; row < y_height; row++)
    for (int column = 0; column < y_width; column++)
      for (int output = 0; output < outputs; output++) {
        int32_t sum = bias[output];
        for (int i = 0; i < rows; i++) {
          const int from_row = row * stride - top + i;
          if (from_row < 0 || from_row >= height) continue;
          for (int j = 0; j < columns; j++) {
            const int from_column = column * stride - left + j;
            if (from_column < 0 || from_column >= width) continue;
            const int8_t *pixel = x + (from_row * width + from_column) * inputs;
            const int8_t *weights = kernel + ((output * rows + i) * columns + j) * inputs;
            for (int k = 0; k < inputs; k++) sum += (int32_t)weights[k] * (pixel[k] - x_zero);
          }
        }
        *y++ = clamped(scaled(sum, multipliers[output], shifts[output]) + y_zero, low, high);
      }
}
""",
    "DEPTHWISE_CONV_2D": """\
/* Input [height, width, channels], kernel [rows, columns, channels], a multiplier for each channel. */
static void depthwise(const int8_t *x, int height, int width, int channels, int x_zero, const int8_t *kernel,
                      const int32_t *bias, int rows, int columns, int stride, int top, int left,
                      const int32_t *multipliers, const int8_t *shifts, int8_t *y, int y_height, int y_width,
                      int outputs, int y_zero, int low, int high) {
  for (int row = 0; row < y_height; row++)
    for (int column = 0; column < y_width; column++)
      for (int k = 0; k < outputs; k++) {
        int32_t sum = bias[k];
        for (int i = 0; i < rows; i++) {
          const int from_row = row * stride - top + i;
          if (from_row < 0 || from_row >= height) continue;
          for (int j = 0; j < columns; j++) {
            const int from_column = column * stride - left + j;
            if (from_column < 0 || from_column >= width) continue;
            sum += (int32_t)kernel[(i * columns + j) * channels + k] *
                   (x[(from_row * width + from_column) * channels + k] - x_zero);
          }
        }
        *y++ = clamped(scaled(sum, multipliers[k], shifts[k]) + y_zero, low, high);
      }
}
""",
    "FULLY_CONNECTED": """\
/* Input [inputs], kernel [outputs, inputs], a multiplier for each output. */
static void linear(const int8_t *x, int inputs, int x_zero, const int8_t *kernel, const int32_t *bias,
                   const int32_t *multipliers, const int8_t *shifts, int8_t *y, int outputs, int y_zero, int low,
                   int high) {
  for (int output = 0; output < outputs; output++) {
    int32_t sum = bias[output];
    for (int k = 0; k < inputs; k++) sum += (int32_t)kernel[output * inputs + k] * (x[k] - x_zero);
    y[output] = clamped(scaled(sum, multipliers[output], shifts[output]) + y_zero, low, high);
  }
}
""",
    "MAX_POOL_2D": """\
/* 2x2 windows of [height, width, channels]. */
static void max_pool(const int8_t *x, int height, int width, int channels, int8_t *y) {
  for (int row = 0; row + 1 < height; row += 2)
    for (int column = 0; column + 1 < width; column += 2)
      for (int k = 0; k < channels; k++) {
        const int8_t *corner = x + (row * width + column) * channels + k;
        int8_t most = corner[0];
        if (corner[channels] > most) most = corner[channels];
        if (corner[width * channels] > most) most = corner[width * channels];
        if (corner[(width + 1) * channels] > most) most = corner[(width + 1) * channels];
        *y++ = most;
      }
}
""",
    "ADD": """\
/* Two inputs of different scales. */
static void add(const int8_t *a, int a_zero, int32_t a_multiplier, int a_shift, const int8_t *b, int b_zero,
                int32_t b_multiplier, int b_shift, int8_t *y, int count, int y_zero, int32_t multiplier, int shift,
                int low, int high) {
  for (int k = 0; k < count; k++) {
    const int32_t first = scaled((a[k] - a_zero) * (1 << 20), a_multiplier, a_shift);
    const int32_t second = scaled((b[k] - b_zero) * (1 << 20), b_multiplier, b_shift);
    y[k] = clamped(scaled(first + second, multiplier, shift) + y_zero, low, high);
  }
}
""",
    "PAD": """\
/* [height, width, channels] with a border of zeros, which the integer `zero` stands for. */
static void pad(const int8_t *x, int height, int width, int channels, int top, int bottom, int left, int right,
                int8_t zero, int8_t *y) {
  const int wide = left + width + right;
  memset(y, zero, (size_t)((top + height + bottom) * wide * channels));
  for (int row = 0; row < height; row++)
    memcpy(y + ((row + top) * wide + left) * channels, x + row * width * channels, (size_t)(width * channels));
}
""",
    "MEAN": """\
/* Over the pixels of [pixels, channels]. */
static void mean(const int8_t *x, int pixels, int channels, int x_zero, int8_t *y, int y_zero, int32_t multiplier,
                 int shift) {
  for (int k = 0; k < channels; k++) {
    int32_t sum = 0;
    for (int i = 0; i < pixels; i++) sum += x[i * channels + k] - x_zero;
    y[k] = clamped(scaled(sum, multiplier, shift) + y_zero, -128, 127);
  }
}
""",
}
