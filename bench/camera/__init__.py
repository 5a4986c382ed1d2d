"""One camera for every server under test."""
