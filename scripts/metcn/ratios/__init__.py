"""One sample against the panel of normals: corrected log2 ratios, baseline, and the levels that a call rests on."""
