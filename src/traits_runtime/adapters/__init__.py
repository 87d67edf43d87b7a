"""Our code for third-party libraries, one file or folder each; nobody imports them, config names them."""
