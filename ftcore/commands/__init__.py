"""What the `ftcore` command can do beside fastText's own commands: options read here, work done in the other rooms."""
