"""One module per verb: `run(arguments) -> exit code`."""
