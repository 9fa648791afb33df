"""The subcommands of `fishy`, one module each."""
