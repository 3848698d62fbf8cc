"""Price and flow: where the price is and goes, and in what regime orders arrive."""
