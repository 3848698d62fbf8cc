"""Where real fates of orders come from: market-by-order rows, and an account's own fills."""
