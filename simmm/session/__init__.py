"""Sessions: the maker on a live clock, its journal, and the proof afterwards."""
