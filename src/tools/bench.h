// bench: how fast a model reads and writes here, beside what this machine can do at that very time.
//
// Runs of prefill and decode take turns with measurements of the roof (memory read, fp32 multiply-adds),
// because both move from second to second; a ratio is median over median. Decode is one sequence, token by
// token, without drafts. Tokens are random; so is the state behind --ctx (bench_state.h). With --ctx each run
// of decode is followed by the same tokens without a context, and the two are compared run by run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "tools/loaded_model.h"

namespace hadal {

struct BenchOptions {
  ModelOptions model;
  int64_t prompt = 512;  // tokens of a prefill
  int64_t gen = 64;      // tokens of decode, in all
  int64_t ctx = 0;       // tokens before them
};

class Samples {
 public:
  void add(double value) { values_.push_back(value); }
  double median() const;
  double min() const;
  double max() const;
  double back() const { return values_.back(); }
  size_t size() const { return values_.size(); }

 private:
  std::vector<double> values_;
};

struct BenchResult {
  int64_t threads = 0;
  int64_t prefill_tokens = 0;
  Samples prefill_tok_s;
  double prefill_flops = 0;  // of one prefill
  int64_t decode_tokens = 0;
  int64_t ctx = 0;
  Samples decode_tok_s;
  Samples decode_of_empty;  // speed after ctx over speed at an empty context; none where ctx is 0
  int64_t bytes_per_token = 0;
  Samples read_gb_s, fma_gflops;  // the roof
  double first_token_s = 0;
  double rss_mb = 0;   // peak, MiB
  EngramStats engram;  // of tables on disk

  double prefill_gflops() const {
    return prefill_flops * prefill_tok_s.median() / static_cast<double>(prefill_tokens) * 1e-9;
  }
  double prefill_ratio() const { return prefill_gflops() / fma_gflops.median(); }
  double decode_gb_s() const { return static_cast<double>(bytes_per_token) * decode_tok_s.median() * 1e-9; }
  double decode_ratio() const { return decode_gb_s() / read_gb_s.median(); }
};

// Error(kNoMemory) where it does not fit.
BenchResult run_bench(const BenchOptions& options);

JsonObject spread(const Samples& samples);  // median, min, max
std::string bench_json(const BenchResult& result);
std::string bench_text(const BenchResult& result);

}  // namespace hadal
