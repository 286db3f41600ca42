"""One module a command group; each command is a thin function over the rooms."""
