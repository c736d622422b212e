// hadal eval: a model's numbers, for comparisons with other implementations.
#include <cstdio>
#include <memory>

#include "commands.h"
#include "model_options.h"
#include "tools/eval.h"
#include "tools/eval_skills.h"
#include "train/eval_gradients.h"

namespace hadal {
namespace {

void add_skills(CLI::App& command, std::function<void()>& run) {
  auto options = std::make_shared<EvalSkillsOptions>();
  CLI::App* const skills =
      command.add_subcommand("skills", "let a model answer held-out cases and judge its answers");
  add_model_options(*skills, options->model);
  add_adapter_option(*skills, options->model);
  skills->add_option("--cases", options->files, "files of data/make.py --held-out, SKILL.LANGUAGE.jsonl")
      ->required()
      ->type_name("FILE");
  skills->add_option("--limit", options->limit, "cases of each file (default: all)")
      ->check(CLI::PositiveNumber);
  skills->add_option("-n,--tokens", options->max_new_tokens, "longest answer (default 400)")
      ->check(CLI::PositiveNumber);
  skills->add_option("--replies", options->replies, "JSONL file to write: every reply and its verdict")
      ->type_name("FILE");
  skills->add_option("--out", options->out, "JSON file to write; the scores are printed too")
      ->type_name("FILE");
  skills->callback(
      [options, &run] { run = [options] { std::fputs(eval_skills(*options).c_str(), stdout); }; });
}

void add_gradients(CLI::App& command, std::function<void()>& run) {
  auto options = std::make_shared<EvalGradientsOptions>();
  options->model.numerics = Numerics::kFp32;
  CLI::App* const gradients = command.add_subcommand(
      "gradients", "write the gradients of the mean loss over a list of token ids (BF16 checkpoints of V4)");
  add_model_options(*gradients, options->model);
  gradients->add_option("--ids", options->ids, "file of whitespace-separated token ids")
      ->required()
      ->type_name("FILE");
  gradients
      ->add_option("--out", options->out,
                   "safetensors file to write: a gradient for each tensor, and the losses in nats")
      ->required()
      ->type_name("FILE");
  gradients
      ->add_option("--mtp-weight", options->mtp_weight,
                   "weight of the MTP block's loss beside the model's (default 0)")
      ->check(CLI::NonNegativeNumber);
  gradients
      ->add_option("--index-weight", options->index_weight,
                   "weight of the indexers' loss, a mean over the queries (default 0)")
      ->check(CLI::NonNegativeNumber);
  gradients->callback([options, &run] { run = [options] { eval_gradients(*options); }; });
}

}  // namespace

void add_eval(CLI::App& app, std::function<void()>& run) {
  CLI::App* const command =
      app.add_subcommand("eval", "compute a model's numbers, to compare with other programs");
  command->require_subcommand(1);
  auto options = std::make_shared<EvalOptions>();
  options->model.chunk = 128;
  CLI::App* const logits =
      command->add_subcommand("logits", "write the logits of every position of a list of token ids");
  add_model_options(*logits, options->model);
  logits->add_option("--ids", options->ids, "file of whitespace-separated token ids")
      ->required()
      ->type_name("FILE");
  logits
      ->add_option("--out", options->out,
                   "safetensors file to write: logits F32 [n, vocab], and what else is asked for")
      ->required()
      ->type_name("FILE");
  logits->add_option("--chunk", options->model.chunk, "tokens that are computed at once (default 128)")
      ->check(CLI::Range(1, 65536));
  logits->add_option("--decode-from", options->decode_from, "feed the positions from this one on one by one")
      ->check(CLI::NonNegativeNumber);
  logits->add_flag("--mtp", options->mtp, "mtp_logits F32 [n-1, vocab] too: what the MTP block says");
  logits->add_flag(
      "--trace", options->trace,
      "what happens in each layer too: streams, picked entries, experts, Engram rows and gates, drafts");
  logits
      ->add_option(
          "--teacher", options->teacher,
          "feed layer N with layers.(N-1).out.official of this file; writes layers.N.out and no logits")
      ->type_name("FILE");
  logits->callback([options, &run] { run = [options] { eval_logits(*options); }; });
  add_gradients(*command, run);
  add_skills(*command, run);
}

}  // namespace hadal
