"""Config: keys with types, the layers that give them values, and which layer wins."""
