#include "backend/support/loop_kernels.h"

#include <gtest/gtest.h>

namespace sinter::test {

const std::vector<std::string>& loop_kernels() {
  static const std::vector<std::string> kKernels = {
      // A chain of elementwise operations, with lets, constants of floats and a function.
      R"(loops 1
kernel chain {
    dims n
    tiles floordiv(n + 4095, 4096)
    read b0: f32[n]
    read b1: f32[]
    write b2: f32[n]
    for j in min(4096, n - 4096*tile) vector 8 {
        let x: f32 = fma(b0[j + 4096*tile], b1[], -0.5: f32)
        let y: f32 = maximum(x, tanh(x))
        store b2[j + 4096*tile] = select(less(y, inf: f32), y, nan: f32)
    }
}
)",
      // Rows: accumulators over vector lanes, dependent passes, a value of the whole row.
      R"(loops 1
kernel rows {
    dims columns, rows
    tiles rows
    read b0: f32[rows, columns]
    write b1: f32[rows, columns]
    write b2: i64[rows]
    var top: f32 = -inf: f32
    for c0 in columns vector 4 {
        update top maximum b0[tile, c0]
    }
    var first: i64 = 9223372036854775807: i64
    for c1 in columns vector 4 {
        update first minimum select(equal(b0[tile, c1], top), index(c1), 9223372036854775807: i64)
    }
    store b2[tile] = first
    var sum: f32 = 0.0: f32
    for c2 in columns vector 4 {
        update sum add exp(subtract(b0[tile, c2], top))
    }
    let scale: f32 = divide(1.0: f32, sum)
    for c3 in columns vector 4 {
        store b1[tile, c3] = multiply(exp(subtract(b0[tile, c3], top)), scale)
    }
}
)",
      // A gather: indices from data, in lanes and outside of them, and integers of every kind.
      R"(loops 1
kernel gather {
    dims n, size
    tiles 1
    failure_sites 2
    read table: i16[size, 3]
    read places: i32[n]
    read start: u8[]
    write out: i16[n]
    checked s < size site 1 = cast(start[], i64)
    for j in n vector 16 {
        checked x < size site 0 = places[j]
        store out[j] = add(table[x, 1], multiply(table[s, 2], -3: i16))
    }
}
)",
      // Pieces under guards, branches, an unrolled loop, assignments.
      R"(loops 1
kernel pieces {
    dims n
    tiles n + 1
    read b0: f64[n]
    write b1: f64[n + 1]
    readwrite b2: u32[n + 1, 4]
    write b3: bool[n + 1]
    if 0 <= tile < n {
        var last: bool = false
        for i in 3 unrolled {
            store b2[tile, i] = xor(b2[tile, i + 1], 7: u32)
            assign last = or(last, greater(b2[tile, i], 6: u32))
        }
        store b3[tile] = last
    } else {
        store b3[tile] = true
    }
    store b1[tile] = guarded(1 <= tile < n + 1; b0[tile - 1], bitcast(1: i64, f64))
}
)",
      // A product by register tiles with a packed panel, then a bias.
      R"(loops 1
kernel product {
    dims m, n
    tiles floordiv(n + 7, 8)
    read a: f32[m, 5]
    read b: f32[n, 5]
    read bias: f32[n]
    write c: f32[m, n]
    scratch panel: f32[40]
    scratch t: f32[16]
    for k in 5 {
        for j0 in 8 vector 8 {
            store panel[j0 + 8*k] = guarded(0 <= j0 < min(8, n - 8*tile); b[j0 + 8*tile, k], 0.0: f32)
        }
    }
    for r in floordiv(m + 1, 2) {
        contract t(offset 0, row_stride 8) {
            a a(offset 10*r, stride 5, depth_stride 1, batch_stride 0)
            b panel(offset 0, stride 1, depth_stride 8, batch_stride 0)
            ahead b(offset 40*tile + 40, depth_stride 8)
            rows min(2, m - 2*r) at most 2
            columns 8 at most 8
            depth 4
            batches 1
        }
        contract t(offset 0, row_stride 8) accumulate after m {
            a a(offset 10*r + 4, stride 5, depth_stride 1, batch_stride 0)
            b panel(offset 32, stride 1, depth_stride 8, batch_stride 0)
            rows min(2, m - 2*r) at most 2
            columns 8 at most 8
            depth 1
            batches 1
        }
        for q in min(2, m - 2*r) {
            for j1 in min(8, n - 8*tile) vector 8 {
                store c[q + 2*r, j1 + 8*tile] = add(t[j1 + 8*q], bias[j1 + 8*tile])
            }
        }
    }
}
)",
      // Two batches of integers at once, one contract for both, and a store in order.
      R"(loops 1
kernel batches {
    tiles 1
    read a: i32[2, 3, 4]
    read b: i32[2, 4, 2]
    write c: i32[3, 2]
    contract c(offset 0, row_stride 2) {
        a a(offset 0, stride 4, depth_stride 1, batch_stride 12)
        b b(offset 0, stride 1, depth_stride 2, batch_stride 8)
        rows 3 at most 4
        columns 2 at most 8
        depth 4
        batches 2
    }
}
)",
      // Random bits, a serial loop inside a vector loop, an accumulator per lane.
      R"(loops 1
kernel draws {
    dims n
    tiles 1
    read seed: u32[]
    write out: u64[n]
    let s: u32 = add(seed[], 1: u32)
    for j in n vector 2 {
        var all: u64 = 0: u64
        for k in 3 {
            let word: u32 = random_bits(s, 5: u32, 9: u32, index(3*j + k))
            update all add shift_right(cast(word, u64), 7: u64)
        }
        if 0 <= n < 100 {
            update all multiply 2: u64
        }
        store out[j] = all
    }
}
)",
      // Blocks with rows and columns swapped: into scratch with zeros beyond the last column, and back out.
      R"(loops 1
kernel swaps {
    dims k, n
    tiles floordiv(n + 7, 8)
    read b: i16[n, k]
    write c: i16[n, k]
    scratch panel: i16[400]
    transpose panel(offset 0, row_stride 8) {
        from b(offset 8*k*tile, column_stride k)
        rows k
        columns min(8, n - 8*tile) filled 8
    }
    transpose c(offset 8*k*tile, row_stride k) {
        from panel(offset 0, column_stride 8)
        rows min(8, n - 8*tile)
        columns k
    }
}
)",
      // Rows of A, each element four times in a row.
      R"(loops 1
kernel spread_rows {
    dims m
    tiles 1
    read a: f32[m, 3]
    read b: f32[3, 4]
    write c: f32[m, 4]
    scratch spread: f32[24]
    for r in m {
        for k in 3 {
            for j in 4 vector 4 {
                store spread[j + 8*k + 4*r] = a[r, k]
            }
        }
    }
    contract c(offset 0, row_stride 4) spread {
        a spread(offset 0, stride 4, depth_stride 8, batch_stride 0)
        b b(offset 0, stride 1, depth_stride 4, batch_stride 0)
        rows m at most 2
        columns 4 at most 4
        depth 3
        batches 1
    }
}
)",
      // Words of two bf16, the second of which is missing at the end, and of four bytes.
      R"(loops 1
kernel words {
    dims m
    tiles 1
    read a: bf16[m, 3]
    read b: u32[2, 4]
    read x: i8[m, 8]
    read w: u32[2, 4]
    write c: f32[m, 4]
    write y: i32[m, 4]
    contract c(offset 0, row_stride 4) {
        a a(offset 0, stride 3, depth_stride 1, batch_stride 0)
        b b(offset 0, stride 1, depth_stride 4, batch_stride 0)
        rows m at most 2
        columns 4 at most 4
        depth 3
        batches 1
    }
    contract y(offset 0, row_stride 4) raised {
        a x(offset 0, stride 8, depth_stride 1, batch_stride 0)
        b w(offset 0, stride 1, depth_stride 4, batch_stride 0)
        rows m at most 2
        columns 4 at most 4
        depth 8
        batches 1
    }
}
)"};
  return kKernels;
}

std::string edited(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  if (at == std::string::npos || text.find(from, at + 1) != std::string::npos) {
    ADD_FAILURE() << "'" << from << "' does not stand once in:\n" << text;
    return text;
  }
  return text.replace(at, from.size(), to);
}

}  // namespace sinter::test
