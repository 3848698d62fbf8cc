"""Generated worlds that several cases share."""
