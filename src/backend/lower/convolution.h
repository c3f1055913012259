// Lowerings of a fusion of kind `convolution`: which one suits decides lower_convolution (lower_fusion.h).
#pragma once

#include "backend/lower/convolution_form.h"
#include "backend/lower/lower_fusion.h"

namespace sinter::backend {

Section lower_plain_convolution(KernelBuilder& builder, const FusionRequest& request);
Section lower_depthwise_convolution(KernelBuilder& builder, const FusionRequest& request);
Section lower_tiled_convolution(KernelBuilder& builder, const FusionRequest& request);
Section lower_gathered_convolution(KernelBuilder& builder, const FusionRequest& request);
/// Images are small, and their lines too short for register tiles of their own.
bool suits_gathering(const ConvolutionForm& form, DType dtype, const Target& target);
/// Gradients by filters whose sizes are known.
Section lower_filter_gradient(KernelBuilder& builder, const FusionRequest& request);
/// The same where each channel has a filter of its own.
Section lower_depthwise_gradient(KernelBuilder& builder, const FusionRequest& request);
/// Sizes are known and taps regular.
bool suits_tiles(const ConvolutionForm& form);

}  // namespace sinter::backend
