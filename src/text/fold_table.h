// What Engram's vocabulary makes of a character: its compatibility decomposition without marks, in lower
// case. Made by tools/make_fold_table.py; Hangul syllables decompose by a formula and are not in it.
#pragma once

#include <cstdint>

namespace hadal {

struct FoldRun {  // first, first + step, ... last become target, target + step, ...
  uint32_t first, last, step, target;
};
struct FoldRange {
  uint32_t first, last;
};
struct FoldMany {  // becomes `count` code points of the pool
  uint32_t code_point, at, count;
};

// Each ascending.
extern const FoldRun kFoldRuns[];
extern const int64_t kFoldRunsCount;
extern const FoldRange kFoldGone[];  // become nothing
extern const int64_t kFoldGoneCount;
extern const FoldMany kFoldMany[];
extern const int64_t kFoldManyCount;
extern const uint32_t kFoldPool[];

}  // namespace hadal
