#include "server/grammar_constraint.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "server/request_error.h"
#include "text/control_tokens.h"
#include "text/grammar/json_library.h"
#include "text/grammar/schema.h"

namespace hadal {
namespace {

using grammar::ExprId;
using grammar::Exprs;

class GrammarConstraint final : public TokenConstraint {
 public:
  explicit GrammarConstraint(std::shared_ptr<const CompiledGrammar> grammar) : matcher_(std::move(grammar)) {}

  void allowed(std::span<uint64_t> mask) override { matcher_.allowed(mask); }
  void accept(int32_t id) override {
    if (!matcher_.accept(id)) fail(ErrorCode::kFailure, "token {} is not in the grammar", id);
  }

 private:
  GrammarMatcher matcher_;
};

// The block of calls, as the model writes it.
class CallGrammar {
 public:
  CallGrammar(Exprs& exprs, bool flexible, int32_t dsml, const DsmlNames& names)
      : exprs_(exprs),
        flexible_(flexible),
        dsml_(dsml),
        block_(names.block),
        invoke_(names.invoke),
        parameter_(names.parameter) {}

  // `is_open`: the prompt has the block's first line.
  ExprId block(const ChatRequest& request, bool is_open) {
    std::vector<ExprId> tools;
    tools.reserve(request.tools.size());
    for (const ToolSpec& tool : request.tools) tools.push_back(call(tool));
    const ExprId one = exprs_.choice(tools);
    const ExprId more =
        request.parallel_tool_calls ? exprs_.star(exprs_.sequence({exprs_.bytes("\n"), one})) : Exprs::kEmpty;
    std::vector<ExprId> parts;
    if (!is_open) parts = {exprs_.bytes("\n\n"), tag("<", block_ + ">\n")};
    parts.insert(parts.end(), {one, more, exprs_.bytes("\n"), tag("</", block_ + ">")});
    return exprs_.sequence(parts);
  }

 private:
  ExprId tag(std::string_view open, const std::string& name) {
    return exprs_.sequence({exprs_.bytes(open), exprs_.token(dsml_), exprs_.bytes(name)});
  }

  ExprId call(const ToolSpec& tool) {
    return exprs_.sequence({tag("<", invoke_ + " name=\"" + tool.name + "\">\n"), parameters(tool.parameters),
                            tag("</", invoke_ + ">")});
  }

  ExprId parameters(const Json& schema) {
    const Json* const properties = schema.find("properties");
    std::vector<ExprId> lines;
    bool any_required = false;
    if (properties != nullptr && properties->object() != nullptr) {
      for (const JsonMember& property : properties->object()->members()) {
        const ExprId line = exprs_.sequence({parameter(property, schema), exprs_.bytes("\n")});
        const bool required = is_required(schema, property.key);
        any_required = any_required || required;
        lines.push_back(required ? line : exprs_.optional(line));
      }
    }
    const ExprId all = exprs_.sequence(lines);
    // A call without parameters has an empty line.
    return any_required ? all : exprs_.choice({all, exprs_.bytes("\n")});
  }

  static bool is_required(const Json& schema, const std::string& name) {
    const Json* const required = schema.find("required");
    return required != nullptr && required->array() != nullptr &&
           std::ranges::any_of(*required->array(), [&](const Json& one) {
             return one.string() != nullptr && *one.string() == name;
           });
  }

  ExprId parameter(const JsonMember& property, const Json& schema) {
    const std::string head = parameter_ + " name=\"" + property.key + "\" string=\"";
    const Json* const type = property.value.find("type");
    const bool is_text = type != nullptr && type->string() != nullptr && *type->string() == "string";
    const ExprId end = tag("</", parameter_ + ">");
    if (is_text) return exprs_.sequence({tag("<", head + "true\">"), text(property.value), end});
    return exprs_.sequence({tag("<", head + "false\">"), value(property.value, schema), end});
  }

  // Text stands as it is. Of the conditions on it, a list of values is enforced.
  ExprId text(const Json& schema) {
    const Json* const values = schema.find("enum");
    if (values == nullptr || values->array() == nullptr) return exprs_.star(exprs_.any_character());
    std::vector<ExprId> choices;
    for (const Json& value : *values->array())
      if (value.string() != nullptr) choices.push_back(exprs_.bytes(*value.string()));
    return exprs_.choice(choices);
  }

  // A property's schema may refer to definitions of the whole.
  ExprId value(const Json& property, const Json& schema) {
    if (property.object() == nullptr) return grammar::JsonExprs(exprs_, flexible_).value();
    JsonObject alone = *property.object();
    for (const char* const key : {"$defs", "definitions"})
      if (const Json* const definitions = schema.find(key)) alone.set(key, *definitions);
    return grammar::schema_expr(dump_json(Json(std::move(alone))), exprs_, flexible_);
  }

  Exprs& exprs_;
  bool flexible_;
  int32_t dsml_;
  std::string block_, invoke_, parameter_;  // the names in the tags
};

std::shared_ptr<const CompiledGrammar> compile(const ChatRequest& request, const PromptPlan& plan,
                                               const Tokenizer& tokenizer,
                                               const CompiledGrammar::Vocabulary& vocabulary) {
  const OutputConstraint& wanted = plan.constraint;
  switch (wanted.kind) {
    case ConstraintKind::kNone:
    case ConstraintKind::kToolCall:
      return nullptr;
    case ConstraintKind::kJson:
      return wanted.text.empty() ? CompiledGrammar::json_object(vocabulary)
                                 : CompiledGrammar::json_schema(wanted.text, vocabulary);
    case ConstraintKind::kRegex:
      return CompiledGrammar::regex(wanted.text, vocabulary);
    case ConstraintKind::kGrammar:
      return CompiledGrammar::gbnf(wanted.text, vocabulary);
    case ConstraintKind::kToolCallRequired: {
      const std::optional<int32_t> dsml = tokenizer.find_added(kDsmlToken);
      if (!dsml) refuse("tools", "this model has no token for tool calls");
      const auto build = [&](Exprs& exprs, bool flexible) {
        return CallGrammar(exprs, flexible, *dsml, traits_of(plan.format).names)
            .block(request, plan.reading.starts_in_tool_calls);
      };
      return CompiledGrammar::custom(build, vocabulary);
    }
  }
  return nullptr;
}

}  // namespace

PlannedConstraint plan_constraint(const ChatRequest& request, const PromptPlan& plan,
                                  const Tokenizer& tokenizer, const CompiledGrammar::Vocabulary& vocabulary) {
  PlannedConstraint planned;
  const std::shared_ptr<const CompiledGrammar> grammar = compile(request, plan, tokenizer, vocabulary);
  if (!grammar) return planned;
  planned.constraint = std::make_shared<GrammarConstraint>(grammar);
  const bool reasons = plan.reading.stage == ThinkingStage::kReasoning ||
                       plan.reading.stage == ThinkingStage::kReasoningContinued;
  if (reasons) planned.after = tokenizer.find_added(kEndThinkToken);
  return planned;
}

}  // namespace hadal
