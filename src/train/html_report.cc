#include "train/html_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/printable.h"

namespace hadal {
namespace {

constexpr size_t kPoints = 400;  // of a curve
constexpr double kWidth = 640, kHeight = 240, kLeft = 62, kRight = 12, kTop = 10, kBottom = 26;

struct Curve {
  std::string name, colour;
  std::vector<double> y;
};

struct Chart {
  std::string title, caption;
  bool logarithmic = false;
  std::vector<double> x;
  std::vector<Curve> curves;
};

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

// A value to a place, and values worth a line.
class Axis {
 public:
  Axis(double low, double high, bool logarithmic) : low_(low), high_(high), logarithmic_(logarithmic) {
    if (!(high_ > low_)) {
      const double around = std::max(std::fabs(low_) * 0.1, 1e-9);
      low_ -= around;
      high_ += around;
    }
  }
  double part(double value) const { return (value - low_) / (high_ - low_); }
  std::vector<double> ticks() const {
    std::vector<double> ticks;
    const double rough = (high_ - low_) / 5;
    double step = std::pow(10.0, std::floor(std::log10(rough)));
    if (rough / step > 5)
      step *= 10;
    else if (rough / step > 2)
      step *= 5;
    else if (rough / step > 1)
      step *= 2;
    const double first = std::ceil(low_ / step);
    const auto count = static_cast<int>(std::floor(high_ / step - first + 1e-9)) + 1;
    ticks.reserve(static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) ticks.push_back((first + i) * step);
    return ticks;
  }
  std::string label(double tick) const {
    const double value = logarithmic_ ? std::pow(10.0, tick) : std::fabs(tick) < 1e-12 ? 0 : tick;
    return fmt::format("{:.3g}", value);
  }

 private:
  double low_, high_;
  bool logarithmic_;
};

std::string svg(const Chart& chart) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const Curve& curve : chart.curves) {
    for (const double y : curve.y) {
      if (!std::isfinite(y)) continue;
      low = std::min(low, y);
      high = std::max(high, y);
    }
  }
  // Less than a decade reads better without logarithms.
  const bool logarithmic = chart.logarithmic && low > 0 && high > 10 * low;
  const auto height_of = [&](double value) { return logarithmic ? std::log10(value) : value; };
  if (low > high) low = high = 0;
  const Axis across(chart.x.front(), chart.x.back(), false);
  const Axis up(height_of(low), height_of(high), logarithmic);
  const auto x_at = [&](double v) { return kLeft + across.part(v) * (kWidth - kLeft - kRight); };
  const auto y_at = [&](double v) { return kHeight - kBottom - up.part(v) * (kHeight - kTop - kBottom); };
  std::string out = fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n", kWidth,
                                kHeight, chart.title);
  for (const double tick : up.ticks())
    out += fmt::format(
        "<line x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/><text x=\"{}\" y=\"{:.1f}\" "
        "class=\"y\">{}</text>\n",
        kLeft, kWidth - kRight, y_at(tick), y_at(tick), kLeft - 6, y_at(tick) + 4, up.label(tick));
  for (const double tick : across.ticks())
    out += fmt::format("<text x=\"{:.1f}\" y=\"{}\" class=\"x\">{}</text>\n", x_at(tick), kHeight - 8,
                       fmt::format("{:.6g}", tick));
  for (const Curve& curve : chart.curves) {
    std::string points;
    for (size_t i = 0; i < curve.y.size(); ++i) {
      if (std::isfinite(curve.y[i]))
        points += fmt::format("{:.1f},{:.1f} ", x_at(chart.x[i]), y_at(height_of(curve.y[i])));
    }
    out += fmt::format("<polyline points=\"{}\" stroke=\"{}\"/>\n", points, curve.colour);
    if (curve.y.size() == 1)
      out += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"{}\"/>\n", x_at(chart.x[0]),
                         y_at(height_of(curve.y[0])), curve.colour);
  }
  return out + "</svg>\n";
}

std::string figure(const Chart& chart) {
  std::string keys;
  if (chart.curves.size() > 1) {
    for (const Curve& curve : chart.curves)
      keys += fmt::format("<span><i style=\"background:{}\"></i>{}</span> ", curve.colour, curve.name);
  }
  return fmt::format("<figure><h2>{}</h2>\n{}<figcaption>{}<p>{}</p></figcaption></figure>\n", chart.title,
                     svg(chart), keys, chart.caption);
}

// Early layers blue, late ones red.
std::string colour_of_layer(size_t layer, size_t layers) {
  const double part = layers > 1 ? static_cast<double>(layer) / static_cast<double>(layers - 1) : 0;
  return fmt::format("hsl({:.0f} 65% 50%)", 220 + part * 140);
}

// Means of neighbouring steps where there are more than kPoints.
class Curves {
 public:
  explicit Curves(std::span<const StepReport> steps) : steps_(steps) {
    const size_t points = std::min(kPoints, steps.size());
    for (size_t i = 0; i <= points; ++i) ends_.push_back(i * steps.size() / points);
    x_ = of([](const StepReport& r) { return static_cast<double>(r.step); });
  }
  template <typename Value>
  std::vector<double> of(Value value) const {
    std::vector<double> means;
    for (size_t i = 0; i + 1 < ends_.size(); ++i) {
      double sum = 0;
      for (size_t s = ends_[i]; s < ends_[i + 1]; ++s) sum += value(steps_[s]);
      means.push_back(sum / static_cast<double>(ends_[i + 1] - ends_[i]));
    }
    return means;
  }
  Chart chart(std::string title, std::string caption, double StepReport::* value, const char* colour,
              bool logarithmic = false) const {
    return {std::move(title),
            std::move(caption),
            logarithmic,
            x_,
            {{"", colour, of([value](const StepReport& r) { return r.*value; })}}};
  }
  const std::vector<double>& x() const { return x_; }

 private:
  std::span<const StepReport> steps_;
  std::vector<size_t> ends_;
  std::vector<double> x_;
};

// A list with a value for each layer: its curves over the steps, and over the layers.
std::string by_depth(const Curves& curves, std::span<const StepReport> steps, const std::string& title,
                     const std::string& caption, std::vector<double> StepReport::* values) {
  const size_t layers = (steps.back().*values).size();
  if (layers == 0) return "";
  Chart over_steps{title, caption + " Blue: the first layer, red: the last.", true, curves.x(), {}};
  for (size_t layer = 0; layer < layers; ++layer)
    over_steps.curves.push_back(
        {fmt::format("{}", layer), colour_of_layer(layer, layers), curves.of([&](const StepReport& r) {
           return layer < (r.*values).size() ? (r.*values)[layer] : std::numeric_limits<double>::quiet_NaN();
         })});
  Chart over_layers{title + " by depth", "At the last step, and at the first that is known.", true, {}, {}};
  for (size_t layer = 0; layer < layers; ++layer) over_layers.x.push_back(static_cast<double>(layer));
  over_layers.curves.push_back({"last", "#2f7ed8", steps.back().*values});
  if ((steps.front().*values).size() == layers)
    over_layers.curves.push_back({"first", "#999", steps.front().*values});
  return figure(over_steps) + figure(over_layers);
}

std::string charts(std::span<const StepReport> steps) {
  const Curves curves(steps);
  Chart loss = curves.chart("Loss", "Cross entropy in nats a token.", &StepReport::loss, "#2f7ed8");
  loss.curves[0].name = "next token";
  loss.curves.push_back(
      {"MTP, the token after it", "#c8742a", curves.of([](const StepReport& r) { return r.mtp_loss; })});
  std::string out = figure(loss);
  out += figure(curves.chart("Learning rate", "Of the matrices.", &StepReport::rate, "#5a9e3d"));
  out += figure(curves.chart("Gradient norm", "Of all gradients together, before clipping.",
                             &StepReport::gradient_norm, "#8a5bc7", true));
  out += figure(curves.chart("Expert balance",
                             "The largest load of any expert, times its layer's mean. 1: even.",
                             &StepReport::largest_load, "#c8742a"));
  out += figure(curves.chart("Routing entropy",
                             "Of the routers' scores, mean of the layers. 1: all experts alike.",
                             &StepReport::routing_entropy, "#2a9d8f"));
  out += figure(curves.chart("Indexer", "KL between the main attention and the indexer, nats a query.",
                             &StepReport::index_kl, "#b23a5e"));
  out += by_depth(curves, steps, "Streams", "Root mean square of the residual streams before each layer.",
                  &StepReport::streams);
  return out + by_depth(curves, steps, "Gain of the streams' mixing",
                        "The largest row or column sum of all mixing matrices so far, multiplied. 1: what is "
                        "mixed keeps its size.",
                        &StepReport::gains);
}

constexpr std::string_view kStyle = R"(<style>
:root{color-scheme:light dark}
body{font:15px/1.45 system-ui,sans-serif;margin:1.5rem auto;max-width:1360px;padding:0 1rem}
main{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:1.2rem}
figure{margin:0;border:1px solid #8884;border-radius:8px;padding:.8rem}
h1{font-size:1.3rem}h2{font-size:1rem;margin:0 0 .3rem}
svg{width:100%;height:auto}svg line{stroke:#8883}svg text{font-size:12px;fill:currentColor;opacity:.75}
text.y{text-anchor:end}text.x{text-anchor:middle}polyline{fill:none;stroke-width:1.6;stroke-linejoin:round}
figcaption{font-size:.82rem;opacity:.85}figcaption p{margin:.2rem 0 0}
figcaption span{display:inline-block;margin-right:.7rem}
i{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin-right:.3em}
dl{display:flex;flex-wrap:wrap;gap:.4rem 1.8rem}dt{font-size:.8rem;opacity:.75}dd{margin:0;font-size:1.1rem}
</style>
)";

}  // namespace

std::string html_report(const ReportFacts& facts, std::span<const StepReport> steps) {
  const bool runs = steps.empty() || steps.back().step < facts.steps;
  std::string out = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" "
      "content=\"width=device-width\">\n{}<title>{}</title>\n{}</head><body>\n<h1>{}</h1>\n",
      runs ? "<meta http-equiv=\"refresh\" content=\"60\">\n" : "", escaped(facts.name), kStyle,
      escaped(facts.name));
  if (steps.empty()) return out + "<p>No step has been made yet.</p>\n</body></html>\n";
  const StepReport& last = steps.back();
  const auto recent = steps.last(std::min<size_t>(steps.size(), 20));
  double seconds = 0;
  for (const StepReport& r : recent) seconds += r.seconds / static_cast<double>(recent.size());
  const auto fact = [&](const char* name, const std::string& value) {
    out += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", name, value);
  };
  out += "<dl>\n";
  fact("step", fmt::format("{} of {}", last.step, facts.steps));
  fact("tokens", fmt::format("{:.2f} million", static_cast<double>(last.tokens) * 1e-6));
  fact("loss", fmt::format("{:.4f}", last.loss));
  if (seconds > 0)
    fact("speed", fmt::format("{:.0f} tokens/s", static_cast<double>(facts.tokens_of_step) / seconds));
  fact("left", fmt::format("{:.1f} h", static_cast<double>(facts.steps - last.step) * seconds / 3600));
  if (facts.restart > 0) fact("restart", fmt::format("after step {}, without momentum", facts.restart));
  out += "</dl>\n<main>\n";
  return out + charts(steps) + "</main>\n</body></html>\n";
}

}  // namespace hadal
