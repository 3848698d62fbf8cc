"""The command line: one thin command a file, each loaded only when it is called."""
