// How bench.h's results are printed.
#include <fmt/format.h>

#include "base/json.h"
#include "tools/bench.h"

namespace hadal {
namespace {

std::string range(const Samples& samples) {
  return fmt::format("{:>9.1f} ({:.1f} to {:.1f} in {} runs)", samples.median(), samples.min(), samples.max(),
                     samples.size());
}

}  // namespace

JsonObject spread(const Samples& samples) {
  JsonObject object;
  object.set("median", samples.median());
  object.set("min", samples.min());
  object.set("max", samples.max());
  return object;
}

std::string bench_json(const BenchResult& result) {
  JsonObject prefill;
  prefill.set("tokens", result.prefill_tokens);
  prefill.set("tok_s", spread(result.prefill_tok_s));
  prefill.set("gflops", result.prefill_gflops());
  prefill.set("ratio", result.prefill_ratio());
  JsonObject decode;
  decode.set("tokens", result.decode_tokens);
  decode.set("ctx", result.ctx);
  decode.set("tok_s", spread(result.decode_tok_s));
  decode.set("bytes_per_token", result.bytes_per_token);
  decode.set("gb_s", result.decode_gb_s());
  decode.set("ratio", result.decode_ratio());
  JsonObject roof;
  roof.set("read_gb_s", spread(result.read_gb_s));
  roof.set("fma_gflops", spread(result.fma_gflops));
  JsonObject all;
  all.set("threads", result.threads);
  all.set("prefill", std::move(prefill));
  all.set("decode", std::move(decode));
  all.set("first_token_s", result.first_token_s);
  all.set("rss_mb", result.rss_mb);
  if (result.engram.rows > 0) {
    JsonObject engram;
    engram.set("rows", result.engram.rows);
    engram.set("hits", result.engram.hits);
    all.set("engram", std::move(engram));
  }
  all.set("roof", std::move(roof));
  return dump_json(all) + "\n";
}

std::string bench_text(const BenchResult& result) {
  std::string text = fmt::format("prefill      {} tokens/s, {} tokens\n", range(result.prefill_tok_s),
                                 result.prefill_tokens);
  text += fmt::format("             {:>9.1f} GFLOP/s, {:.2f} of the roof\n", result.prefill_gflops(),
                      result.prefill_ratio());
  text += fmt::format("decode       {} tokens/s, {} tokens after {}\n", range(result.decode_tok_s),
                      result.decode_tokens, result.ctx);
  text += fmt::format("             {:>9.1f} GB/s, {:.2f} of the roof, {:.1f} MB for a token\n",
                      result.decode_gb_s(), result.decode_ratio(),
                      static_cast<double>(result.bytes_per_token) * 1e-6);
  if (result.ctx > 0)
    text += fmt::format("             {:>9.2f} ({:.2f} to {:.2f}) of the speed at an empty context\n",
                        result.decode_of_empty.median(), result.decode_of_empty.min(),
                        result.decode_of_empty.max());
  text += fmt::format("first token  {:>9.3f} s after the start, 10 tokens read\n", result.first_token_s);
  text += fmt::format("memory       {:>9.1f} MiB at the peak\n", result.rss_mb);
  if (result.engram.rows > 0) text += fmt::format("engram       {}\n", describe(result.engram));
  text += fmt::format("roof read    {} GB/s\n", range(result.read_gb_s));
  text += fmt::format("roof fma     {} GFLOP/s, {} threads\n", range(result.fma_gflops), result.threads);
  return text;
}

}  // namespace hadal
