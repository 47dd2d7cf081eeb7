"""The command line: starts the one-machine stack, and talks HTTP to a running one. Never imports web or worker."""
