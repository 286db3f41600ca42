"""Sinks: one kind of receiving system each. A new kind is one module here and one line in `connectors/kinds.py`."""
