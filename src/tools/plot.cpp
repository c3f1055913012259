// sinter plot: the curves of a training's log, in the terminal and as a picture.
#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>

#include "base/text.h"
#include "io/atomic_write.h"
#include "tools/command_line.h"
#include "tools/training_log.h"

namespace sinter::tools {
namespace {

struct Options {
  std::string folder, out;
  std::vector<std::string> metrics;
};

struct Curve {
  std::string name;
  std::vector<double> x, y;
};
/// What is measured in training and validation alike, in one picture.
struct Chart {
  std::string name;
  std::vector<Curve> curves;
  double left = 0, right = 1, low = 0, high = 1;
};

void fit_ranges(Chart& chart) {
  chart.low = chart.left = std::numeric_limits<double>::infinity();
  chart.high = chart.right = -chart.low;
  for (const Curve& curve : chart.curves) {
    for (size_t i = 0; i < curve.y.size(); ++i) {
      if (!std::isfinite(curve.y[i])) continue;
      chart.low = std::min(chart.low, curve.y[i]);
      chart.high = std::max(chart.high, curve.y[i]);
      chart.left = std::min(chart.left, curve.x[i]);
      chart.right = std::max(chart.right, curve.x[i]);
    }
  }
  if (!(chart.low <= chart.high)) chart.low = chart.left = 0, chart.high = chart.right = 1;
  if (chart.low == chart.high) chart.low -= .5, chart.high += .5;
  if (chart.left == chart.right) chart.left -= .5, chart.right += .5;
}

std::vector<Chart> charts_of(const LogTable& table, const std::vector<std::string>& wanted) {
  std::vector<Chart> charts;
  for (const std::string& name : table.names) {
    if (name == "epoch" || name == "step" || name == "seconds" || name.starts_with("val_")) continue;
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), name) == wanted.end()) continue;
    Chart chart{name, {{"training", table.columns.at("epoch"), table.columns.at(name)}}};
    if (const auto found = table.columns.find("val_" + name); found != table.columns.end()) chart.curves.push_back({"validation", table.columns.at("epoch"), found->second});
    fit_ranges(chart);
    charts.push_back(std::move(chart));
  }
  for (const std::string& name : wanted)
    if (!table.columns.contains(name)) throw Error(ErrorCode::kUsage, "the log has no " + quoted(name)).hint(closest(name, table.names).empty() ? "" : "did you mean " + closest(name, table.names) + "?");
  return charts;
}

std::string number_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

/// Points of two by four in each cell of the terminal: the Braille characters.
class Canvas {
 public:
  Canvas(int columns, int rows) : columns_(columns), rows_(rows), cells_(static_cast<size_t>(columns * rows)) {}
  int width() const { return 2 * columns_; }
  int height() const { return 4 * rows_; }
  void dot(int x, int y) {
    if (x < 0 || y < 0 || x >= width() || y >= height()) return;
    static constexpr unsigned char kBits[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    cells_[static_cast<size_t>(y / 4 * columns_ + x / 2)] |= kBits[y % 4][x % 2];
  }
  void line(double x0, double y0, double x1, double y1, bool dashed) {
    const int steps = std::max(1, static_cast<int>(std::max(std::fabs(x1 - x0), std::fabs(y1 - y0))));
    for (int i = 0; i <= steps; ++i)
      if (!dashed || (drawn_++ / 2) % 2 == 0) dot(static_cast<int>(std::lround(x0 + (x1 - x0) * i / steps)), static_cast<int>(std::lround(y0 + (y1 - y0) * i / steps)));
  }
  std::string row(int row) const {
    std::string text;
    for (int column = 0; column < columns_; ++column) {
      const unsigned char cell = cells_[static_cast<size_t>(row * columns_ + column)];
      text += {'\xE2', static_cast<char>(0xA0 | cell >> 6), static_cast<char>(0x80 | (cell & 0x3F))};  // U+2800 and the dots
    }
    return text;
  }

 private:
  int columns_, rows_, drawn_ = 0;
  std::vector<unsigned char> cells_;
};

std::string terminal_text(const Chart& chart) {
  constexpr int kColumns = 64, kRows = 12, kMargin = 10;
  Canvas canvas(kColumns, kRows);
  const auto x = [&](double value) { return (value - chart.left) / (chart.right - chart.left) * (canvas.width() - 1); };
  const auto y = [&](double value) { return (chart.high - value) / (chart.high - chart.low) * (canvas.height() - 1); };
  bool dashed = false;
  for (const Curve& curve : chart.curves) {
    for (size_t i = 0; i < curve.y.size(); ++i) {
      if (!std::isfinite(curve.y[i])) continue;
      const size_t before = i > 0 && std::isfinite(curve.y[i - 1]) ? i - 1 : i;
      canvas.line(x(curve.x[before]), y(curve.y[before]), x(curve.x[i]), y(curve.y[i]), dashed);
    }
    dashed = true;
  }
  std::string text = chart.name + (chart.curves.size() > 1 ? ": training (line), validation (dashes)" : "") + "\n";
  for (int row = 0; row < kRows; ++row) {
    std::string label = row == 0 ? number_text(chart.high) : row == kRows - 1 ? number_text(chart.low) : "";
    label.insert(0, static_cast<size_t>(std::max(0, kMargin - 1 - static_cast<int>(label.size()))), ' ');
    text += label + " " + canvas.row(row) + "\n";
  }
  const std::string first = number_text(chart.left), last = number_text(chart.right);
  return text + std::string(kMargin, ' ') + first + std::string(static_cast<size_t>(std::max(1, kColumns - static_cast<int>(first.size() + last.size()))), ' ') + last + "  epoch\n";
}

std::string escaped(const std::string& text) {
  std::string safe;
  for (const char c : text) safe += c == '<' ? "&lt;" : c == '&' ? "&amp;" : c == '>' ? "&gt;" : std::string(1, c);
  return safe;
}

std::string svg_text(const std::vector<Chart>& charts) {
  constexpr int kWidth = 640, kHeight = 300, kLeft = 70, kRight = 20, kTop = 36, kBottom = 36, kTicks = 4;
  constexpr const char* kColours[] = {"#1f77b4", "#ff7f0e"};
  const std::string height = std::to_string(kHeight * static_cast<int>(charts.size()));
  std::string text = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + std::to_string(kWidth) + "\" height=\"" + height + "\" viewBox=\"0 0 " + std::to_string(kWidth) + " " + height +
                     "\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n";
  const auto label = [&](double x, double y, const std::string& anchor, const std::string& what, const std::string& colour = "#333") {
    text += "<text x=\"" + format_number(x, 1) + "\" y=\"" + format_number(y, 1) + "\" text-anchor=\"" + anchor + "\" fill=\"" + colour + "\">" + escaped(what) + "</text>\n";
  };
  for (size_t c = 0; c < charts.size(); ++c) {
    const Chart& chart = charts[c];
    const double top = static_cast<double>(c) * kHeight + kTop, bottom = static_cast<double>(c + 1) * kHeight - kBottom;
    const auto x = [&](double value) { return kLeft + (value - chart.left) / (chart.right - chart.left) * (kWidth - kLeft - kRight); };
    const auto y = [&](double value) { return bottom - (value - chart.low) / (chart.high - chart.low) * (bottom - top); };
    for (int i = 0; i <= kTicks; ++i) {
      const double value = chart.low + (chart.high - chart.low) * i / kTicks, epoch = chart.left + (chart.right - chart.left) * i / kTicks;
      text += "<line x1=\"" + std::to_string(kLeft) + "\" x2=\"" + std::to_string(kWidth - kRight) + "\" y1=\"" + format_number(y(value), 1) + "\" y2=\"" + format_number(y(value), 1) + "\" stroke=\"#ddd\"/>\n";
      label(kLeft - 6, y(value) + 4, "end", number_text(value));
      label(x(epoch), bottom + 16, "middle", number_text(epoch));
    }
    label(kLeft, top - 12, "start", chart.name);
    for (size_t k = 0; k < chart.curves.size(); ++k) {
      const Curve& curve = chart.curves[k];
      std::string points;
      for (size_t i = 0; i < curve.y.size(); ++i)
        if (std::isfinite(curve.y[i])) points += format_number(x(curve.x[i]), 1) + "," + format_number(y(curve.y[i]), 1) + " ";
      text += std::string("<polyline fill=\"none\" stroke-width=\"1.5\" stroke=\"") + kColours[k] + "\" points=\"" + points + "\"/>\n";
      label(kWidth - kRight - 90.0 * static_cast<double>(chart.curves.size() - 1 - k), top - 12, "end", curve.name, kColours[k]);
    }
  }
  return text + "</svg>\n";
}

void run(const Options& options) {
  const std::vector<Chart> charts = charts_of(read_log(options.folder), options.metrics);
  if (charts.empty()) throw Error(ErrorCode::kUsage, "the log has nothing to draw");
  for (const Chart& chart : charts) std::cout << terminal_text(chart) << "\n";
  if (options.out.empty()) return;
  io::write_atomically(options.out, svg_text(charts));
  std::cerr << "wrote " << options.out << "\n";
}

}  // namespace

void add_plot(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("plot", "Draw the curves of a training's log");
  verb->add_option("folder", options->folder, "The folder that sinter train --log wrote")->required();
  verb->add_option("metric", options->metrics, "What to draw: loss or a metric; all unless given");
  verb->add_option("-o,--out", options->out, "Write a picture here as well (.svg)");
  verb->callback([options] { run(*options); });
}

}  // namespace sinter::tools
