"""What models are fitted with: from recorded data to the numbers a scenario names."""
