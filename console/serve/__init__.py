"""The bureau's window: health, metrics and one live page for operators, over HTTP. It reads everything and writes nothing."""
