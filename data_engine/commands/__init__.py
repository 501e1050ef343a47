"""One module per subcommand of `data-engine`: parse, call, report."""
