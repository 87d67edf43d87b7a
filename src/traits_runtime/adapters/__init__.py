"""Adapters for third-party libraries, one file or folder each; config names them, no module imports them."""
