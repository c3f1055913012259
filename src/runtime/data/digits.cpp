#include "runtime/data/digits.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>
#include <vector>

#include "runtime/data/draws.h"

namespace sinter::runtime {
namespace {

struct Point {
  double x, y;  // in the box of the digit: x to the right, y down, both 0..1
};

/// Part of an ellipse around `start`, from one angle to another (degrees, clockwise from the right); or, with no radius, a line to (from,
/// to).
struct Stroke {
  Point start;
  double radius_x, radius_y, from, to;
};
constexpr Stroke line(double x0, double y0, double x1, double y1) { return {{x0, y0}, 0, 0, x1, y1}; }
constexpr Stroke arc(double x, double y, double rx, double ry, double from, double to) { return {{x, y}, rx, ry, from, to}; }

// Two hands per digit where people differ.
constexpr Stroke kZero[] = {arc(.5, .5, .45, .5, 0, 360)};
constexpr Stroke kZeroNarrow[] = {arc(.5, .5, .3, .5, 0, 360)};
constexpr Stroke kOne[] = {line(.5, 0, .5, 1)};
constexpr Stroke kOneFlag[] = {line(.2, .28, .55, 0), line(.55, 0, .55, 1), line(.25, 1, .85, 1)};
constexpr Stroke kTwo[] = {arc(.48, .27, .4, .27, 180, 390), line(.83, .4, .08, 1), line(.08, 1, .95, 1)};
constexpr Stroke kTwoAngular[] = {line(.1, 0, .85, 0), line(.85, 0, .85, .48), line(.85, .48, .12, .52), line(.12, .52, .12, 1),
                                  line(.12, 1, .9, 1)};
constexpr Stroke kThree[] = {arc(.42, .25, .42, .25, 200, 450), arc(.42, .74, .46, .26, 270, 520)};
constexpr Stroke kThreeAngular[] = {line(.1, 0, .9, 0), line(.9, 0, .45, .4), arc(.42, .7, .45, .3, 275, 510)};
constexpr Stroke kFour[] = {line(.68, 0, .05, .66), line(.05, .66, 1, .66), line(.7, .3, .7, 1)};
constexpr Stroke kFourOpen[] = {line(.15, 0, .12, .52), line(.12, .52, .95, .52), line(.75, .05, .75, 1)};
constexpr Stroke kFive[] = {line(.9, 0, .18, 0), line(.18, 0, .14, .42), arc(.45, .68, .43, .32, 225, 510)};
constexpr Stroke kFiveAngular[] = {line(.9, 0, .12, 0), line(.12, 0, .12, .47), line(.12, .47, .88, .5), line(.88, .5, .86, 1),
                                   line(.86, 1, .1, 1)};
constexpr Stroke kSix[] = {arc(.85, .68, .77, .68, 180, 268), arc(.5, .71, .42, .29, 0, 360)};
constexpr Stroke kSixStraight[] = {line(.62, 0, .1, .62), arc(.48, .7, .4, .3, 0, 360)};
constexpr Stroke kSeven[] = {line(.05, 0, .95, 0), line(.95, 0, .35, 1)};
constexpr Stroke kSevenBar[] = {line(.05, 0, .95, 0), line(.95, 0, .45, 1), line(.25, .5, .9, .5)};
constexpr Stroke kEight[] = {arc(.5, .25, .36, .25, 0, 360), arc(.5, .75, .44, .25, 0, 360)};
constexpr Stroke kEightNarrow[] = {arc(.5, .23, .26, .23, 0, 360), arc(.5, .72, .32, .28, 0, 360)};
constexpr Stroke kNine[] = {arc(.5, .29, .42, .29, 0, 360), arc(.15, .32, .77, .68, 0, 88)};
constexpr Stroke kNineStraight[] = {arc(.5, .29, .4, .29, 0, 360), line(.9, .29, .85, 1)};
constexpr std::span<const Stroke> kHands[10][2] = {
    {kZero, kZeroNarrow},  {kOne, kOneFlag},     {kTwo, kTwoAngular}, {kThree, kThreeAngular}, {kFour, kFourOpen},
    {kFive, kFiveAngular}, {kSix, kSixStraight}, {kSeven, kSevenBar}, {kEight, kEightNarrow},  {kNine, kNineStraight}};

constexpr double kMissing = .005;                // points that the scanner lost
constexpr int kArcPieces = 12, kLinePieces = 3;  // enough that bending shows no corners at this size

struct Piece {
  Point a, b;
};

/// How one person draws one digit: from the box of the digit to the points of the image.
class Hand {
 public:
  explicit Hand(Draws& draws) {
    height_ = draws.uniform(4.6, 6.6);
    width_ = height_ * draws.uniform(.6, .95);
    slant_ = height_ * draws.uniform(-.25, .25);
    const double turn = draws.uniform(-.15, .15);
    cosine_ = std::cos(turn);
    sine_ = std::sin(turn);
    shift_ = {draws.uniform(-1, 1), draws.uniform(-1, 1)};
    bend_ = {draws.uniform(-.05, .05), draws.uniform(-.05, .05)};
    phase_ = {draws.uniform(0, 2 * std::numbers::pi), draws.uniform(0, 2 * std::numbers::pi)};
  }

  Point operator()(Point p) const {
    const double u = p.x - .5 + bend_.x * std::sin(5 * p.y + phase_.x), v = p.y - .5 + bend_.y * std::sin(5 * p.x + phase_.y);
    const double x = u * width_ - v * slant_, y = v * height_, middle = kDigitSide / 2.0;
    return {middle + shift_.x + cosine_ * x - sine_ * y, middle + shift_.y + sine_ * x + cosine_ * y};
  }

 private:
  double height_, width_, slant_, cosine_, sine_;
  Point shift_, bend_, phase_;
};

void trace(const Stroke& stroke, const Hand& hand, std::vector<Piece>& pieces) {
  const bool is_line = stroke.radius_x == 0;
  const int count = is_line ? kLinePieces : kArcPieces;
  Point last{};
  for (int i = 0; i <= count; ++i) {
    const double t = static_cast<double>(i) / count;
    Point at;
    if (is_line) {
      at = {stroke.start.x + t * (stroke.from - stroke.start.x), stroke.start.y + t * (stroke.to - stroke.start.y)};
    } else {
      const double angle = (stroke.from + t * (stroke.to - stroke.from)) * std::numbers::pi / 180;
      at = {stroke.start.x + stroke.radius_x * std::cos(angle), stroke.start.y + stroke.radius_y * std::sin(angle)};
    }
    at = hand(at);
    if (i > 0) pieces.push_back({last, at});
    last = at;
  }
}

double distance_squared(Point p, const Piece& piece) {
  const double dx = piece.b.x - piece.a.x, dy = piece.b.y - piece.a.y;
  const double length = dx * dx + dy * dy;
  const double t = length > 0 ? std::clamp(((p.x - piece.a.x) * dx + (p.y - piece.a.y) * dy) / length, 0.0, 1.0) : 0.0;
  const double ex = piece.a.x + t * dx - p.x, ey = piece.a.y + t * dy - p.y;
  return ex * ex + ey * ey;
}

}  // namespace

std::array<uint8_t, kDigitPoints> draw_digit(int digit, uint32_t seed, uint32_t item, double noise) {
  Draws draws(seed, Purpose::kDigits, item);
  const std::span<const Stroke> strokes = kHands[digit][draws.below(2)];
  const Hand hand(draws);
  const double radius = draws.uniform(.4, .75), ink = draws.uniform(.8, 1);
  std::vector<Piece> pieces;
  for (const Stroke& stroke : strokes) trace(stroke, hand, pieces);
  std::array<uint8_t, kDigitPoints> image{};
  for (int row = 0; row < kDigitSide; ++row) {
    for (int column = 0; column < kDigitSide; ++column) {
      double nearest = 2 * kDigitPoints;
      for (const Piece& piece : pieces) nearest = std::min(nearest, distance_squared({column + .5, row + .5}, piece));
      const double cover = std::clamp(radius + .5 - std::sqrt(nearest), 0.0, 1.0);
      double value = 16 * ink * cover + noise * draws.normal();
      if (draws.chance(kMissing)) value = 0;
      image[static_cast<size_t>(row * kDigitSide + column)] = static_cast<uint8_t>(std::clamp(std::round(value), 0.0, 16.0));
    }
  }
  return image;
}

}  // namespace sinter::runtime
