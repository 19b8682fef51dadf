"""From ratios, purity and ploidy to copies: joint draws, intervals, focality, amplicon and limit of detection."""
