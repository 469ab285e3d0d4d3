"""Kill a real company, a process on a real store, at any moment, and check what is left of it."""
