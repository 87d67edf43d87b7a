"""Events: who listens to which names, and how an event reaches them."""
